// Descriptor owns a file descriptor and closes it.
#pragma once
#include <unistd.h>

#include <utility>

namespace caas::program {

class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() {
        if (fd_ >= 0) (void)close(fd_);  // whoever wrote to it has synced the file
    }
    int get() const { return fd_; }

private:
    int fd_;
};

}  // namespace caas::program
