// A thread that writes lines to a file, pipe or socket, so that no other thread waits for it.
#pragma once
#include "../program/descriptor.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace caas::http {

// LineWriter queues lines up to a limit, and its thread writes them. Lines are dropped and counted when the queue is
// full, because nobody reads the pipe or the disk hangs, and when writing fails.
class LineWriter {
public:
    // Called under the lock of the writer: they may not call it.
    struct Events {
        std::function<void(std::size_t lines)> dropped;
        // The first drop after everything was well. error is an errno, or 0 when the queue is full.
        std::function<void(int error)> loss_begins;
        // The queue is empty again. The value is a line to be written, or nothing.
        std::function<std::string(std::size_t lines)> loss_ends;
    };

    LineWriter(program::Descriptor file, std::size_t queue_bytes, Events events);
    // Finishes, and waits a moment for lines that are still queued.
    ~LineWriter();
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;
    LineWriter(LineWriter&&) = delete;
    LineWriter& operator=(LineWriter&&) = delete;

    // Takes whole lines. Never waits for the file.
    void write(std::string_view lines) noexcept;
    // Queued lines go to the new file.
    void replace(program::Descriptor file);
    // Waits until the queued lines are written, at most this long. Nothing is written afterwards.
    void finish(std::chrono::milliseconds at_most);

private:
    struct State;

    std::shared_ptr<State> state_;  // the thread shares it: a write that hangs outlives this object
    std::thread thread_;
};

}  // namespace caas::http
