// The threads that hash passwords. Their number bounds the processors and the memory that hashes take, and the queue
// before them bounds the wait.
#pragma once
#include "password_work.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace caas::http {

// PasswordThreads is shared by all threads.
class PasswordThreads {
public:
    using Clock = std::chrono::steady_clock;

    // The number of hashes that may wait for each thread besides the one that it computes.
    static constexpr std::size_t kWaitingEach = 4;

    explicit PasswordThreads(std::size_t count) : count_(count) {}
    PasswordThreads(const PasswordThreads&) = delete;
    PasswordThreads& operator=(const PasswordThreads&) = delete;

    void start();

    // Computes the work in its turn, then calls done in the hashing thread. False, and nothing is called, when as many
    // wait as may.
    bool submit(std::shared_ptr<PasswordWork> work, std::function<void()> done);
    // Takes work back that has not begun, and calls nothing for it. Work that has begun goes on.
    void withdraw(const PasswordWork& work);

    // Begins no further hash and waits for those that run. False if one still runs at that time: nothing interrupts a
    // hash, so that the process has to end without it.
    bool finish(Clock::time_point until);

private:
    struct Job {
        std::shared_ptr<PasswordWork> work;
        std::function<void()> done;
    };

    void run(std::size_t number);
    static void compute(std::size_t number, const Job& job);

    const std::size_t count_;
    std::mutex mutex_;
    std::condition_variable work_, end_;
    std::deque<Job> waiting_;
    std::size_t running_ = 0;  // hashes
    std::size_t alive_ = 0;    // threads
    bool finishing_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace caas::http
