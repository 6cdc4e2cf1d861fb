#include "password_threads.hpp"

#include "../program/report.hpp"
#include "stack.hpp"

#include <algorithm>
#include <exception>

namespace caas::http {

void PasswordThreads::start() {
    alive_ = count_;
    for (std::size_t number = 0; number < count_; number++) {
        threads_.emplace_back([this, number] { run(number); });
    }
}

bool PasswordThreads::submit(std::shared_ptr<PasswordWork> work, std::function<void()> done) {
    const std::lock_guard lock(mutex_);
    if (finishing_ || running_ + waiting_.size() >= count_ * (1 + kWaitingEach)) return false;
    waiting_.push_back({std::move(work), std::move(done)});
    work_.notify_one();
    return true;
}

void PasswordThreads::withdraw(const PasswordWork& work) {
    const std::lock_guard lock(mutex_);
    const auto job =
        std::find_if(waiting_.begin(), waiting_.end(), [&work](const Job& one) { return one.work.get() == &work; });
    if (job != waiting_.end()) waiting_.erase(job);
}

void PasswordThreads::compute(std::size_t number, const Job& job) {
    try {
        job.work->compute(number);
        job.done();
    } catch (const std::exception&) {  // out of memory: the connection answers when its time is over
        program::warn("the end of a password hash could not be told");
    }
}

void PasswordThreads::run(std::size_t number) {
    std::unique_lock lock(mutex_);
    while (true) {
        work_.wait(lock, [this] { return finishing_ || !waiting_.empty(); });
        if (finishing_) break;
        Job job = std::move(waiting_.front());
        waiting_.pop_front();
        running_++;
        lock.unlock();
        compute(number, job);
        job = {};  // work and callback end before the next wait
        cleanse_stack();
        lock.lock();
        running_--;
    }
    alive_--;
    end_.notify_all();
}

bool PasswordThreads::finish(Clock::time_point until) {
    {
        std::unique_lock lock(mutex_);
        finishing_ = true;
        waiting_.clear();
        work_.notify_all();
        if (!end_.wait_until(lock, until, [this] { return alive_ == 0; })) return false;
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return true;
}

}  // namespace caas::http
