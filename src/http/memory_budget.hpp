// One limit for the memory of all requests and answers in flight.
#pragma once
#include <atomic>
#include <cstddef>

namespace caas::http {

// MemoryBudget is shared by all threads. Bodies of requests, which need no API key, leave an eighth of it to answers.
class MemoryBudget {
public:
    enum class Use { request, answer };

    explicit MemoryBudget(std::size_t limit) : limit_(limit) {}

    // False where the limit leaves no room for so many bytes.
    bool take(std::size_t bytes, Use use) {
        const std::size_t limit = use == Use::answer ? limit_ : limit_ - limit_ / 8;
        const std::size_t used = used_ += bytes;
        if (used > limit) {
            used_ -= bytes;
            return false;
        }
        if (used > peak_) peak_ = used;
        return true;
    }
    void give_back(std::size_t bytes) { used_ -= bytes; }
    std::size_t used() const { return used_; }
    // True if much less is in use than before, and the allocator may return memory to the system. One thread asks, from
    // time to time. A fall may go on after it was seen, and bytes are given back a moment before they are freed: so the
    // answer stays true until no less is in use than last time.
    bool has_fallen() {
        constexpr std::size_t kWorthIt = std::size_t{16} * 1024 * 1024;
        const std::size_t used = used_;
        const bool fell = peak_ >= kWorthIt && used <= peak_ / 2;
        const bool goes_on = falling_ && used <= peak_;
        falling_ = fell || (goes_on && used < peak_);
        if (fell || goes_on) peak_ = used;
        return fell || goes_on;
    }

private:
    const std::size_t limit_;
    std::atomic<std::size_t> used_{0}, peak_{0};
    bool falling_ = false;
};

// MemoryShare is the part of the budget that one connection has.
class MemoryShare {
public:
    explicit MemoryShare(MemoryBudget& budget) : budget_(budget) {}
    ~MemoryShare() { budget_.give_back(taken_); }
    MemoryShare(const MemoryShare&) = delete;
    MemoryShare& operator=(const MemoryShare&) = delete;
    MemoryShare(MemoryShare&&) = delete;
    MemoryShare& operator=(MemoryShare&&) = delete;

    // False, and the share stays as it was, where the budget has no room. Small shares are not counted, so that small
    // requests touch no counter that the threads share, and are answered whatever the others do.
    bool resize(std::size_t bytes, MemoryBudget::Use use) {
        constexpr std::size_t kNotCounted = std::size_t{8} * 1024;
        constexpr std::size_t kStep = std::size_t{16} * 1024;
        const std::size_t wanted = bytes <= kNotCounted ? 0 : (bytes + kStep - 1) / kStep * kStep;
        if (wanted > taken_ && !budget_.take(wanted - taken_, use)) return false;
        if (wanted < taken_) budget_.give_back(taken_ - wanted);
        taken_ = wanted;
        return true;
    }

private:
    MemoryBudget& budget_;
    std::size_t taken_ = 0;
};

}  // namespace caas::http
