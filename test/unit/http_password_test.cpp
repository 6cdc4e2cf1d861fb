// Passwords over HTTP: the two operations, and the threads that hash.
#include "../../src/http/password_threads.hpp"
#include "http_support.hpp"

#include <condition_variable>
#include <future>
#include <mutex>

namespace caas::http {
namespace {

TEST_F(HttpHandler, APasswordIsHashedAndVerified) {
    const Json user = {{"userUUID", kUuid}, {"password", "correct horse \u00e7"}};
    const Json made = ask("/hash-password", user);
    ASSERT_EQ(made.size(), 1U);
    const std::string hash = made["password_hash"];
    EXPECT_TRUE(hash.starts_with("$caas-scrypt$v=1$g=2,ln=15,r=8,p=3$")) << hash;
    EXPECT_NE(ask("/hash-password", user)["password_hash"], hash) << "the salt is random";
    const auto verified = [&](Json request) {
        request["passwordHash"] = hash;
        return ask("/verify-password", request);
    };
    EXPECT_EQ(verified(user), (Json{{"valid", true}, {"outdated", false}}));
    EXPECT_EQ(verified({{"userUUID", kUuid}, {"password", "another"}}), (Json{{"valid", false}, {"outdated", false}}));
    EXPECT_EQ(verified({{"userUUID", "00000000-0000-0000-0000-000000000000"}, {"password", user["password"]}})["valid"],
              false);
    use_keyring(keyring_of(3));
    EXPECT_EQ(verified(user), (Json{{"valid", true}, {"outdated", true}})) << "of an older generation";
}

TEST_F(HttpHandler, AStoredPasswordMayBeAnyText) {
    const auto outcome = [&](const std::string& stored) {
        const Json answer = ask("/verify-password", {{"userUUID", kUuid}, {"password", "x"}, {"passwordHash", stored}});
        return answer.contains("error") ? answer["error"]["code"].get<std::string>() : answer.dump();
    };
    constexpr const char* kNo = R"({"valid":false,"outdated":true})";
    for (const char* text : {"", "x", "$caas-scrypt$", "5f4dcc3b5aa765d61d8327deb882cf99"}) {
        EXPECT_EQ(outcome(text), kNo) << text;
    }
    EXPECT_EQ(outcome(std::string("\0x", 2)), kNo);
    EXPECT_EQ(outcome(stored_hash("2,ln=10,r=8,p=1")), kNo) << "of a low cost";
    EXPECT_EQ(outcome(stored_hash("2,ln=30,r=8,p=1")), kNo) << "of a cost that costs nothing, because it is refused";
    EXPECT_EQ(outcome(stored_hash("9,ln=10,r=8,p=1")), "unknown_generation");
}

TEST_F(HttpHandler, AFaultOfAPasswordRequestNeedsNoThread) {
    const auto told_at_once = [&](const char* path, const Json& request) {
        const Work work = begin(path, request.dump());
        const auto* answer = std::get_if<Answer>(&work);
        return answer != nullptr ? Json::parse(answer->body)["error"]["code"].get<std::string>() : "a hash";
    };
    const Json good = {{"userUUID", kUuid}, {"password", "x"}, {"passwordHash", "x"}};
    const auto with = [&](const char* field, const Json& value) {
        Json request = good;
        request[field] = value;
        return told_at_once("/verify-password", request);
    };
    EXPECT_EQ(told_at_once("/verify-password", good), "a hash");
    EXPECT_EQ(told_at_once("/hash-password", good), "unknown_field");
    EXPECT_EQ(with("userUUID", "x"), "invalid_uuid");
    EXPECT_EQ(with("password", 7), "wrong_type");
    EXPECT_EQ(with("password", nullptr), "missing_field");
    EXPECT_EQ(with("password", std::string("a\0", 2)), "invalid_text");
    EXPECT_EQ(with("encoding", "base64"), "unknown_field");
    for (const char* operation : {"hash-password", "verify-password"}) {
        EXPECT_EQ(ask("/batch", {{"operation", operation}, {"requests", Json::array()}})["error"]["code"],
                  "invalid_operation");
    }
}

// A request keeps the keyring that it came under, and needs nothing of the request's text.
TEST_F(HttpHandler, AHashIsComputedUnderTheKeyringOfItsRequest) {
    const Json user = {{"userUUID", kUuid}, {"password", "a password that is longer than any small string"}};
    Work work = begin("/hash-password", user.dump());
    const auto password = std::get<std::shared_ptr<PasswordWork>>(work);
    use_keyring(std::string(test::kVersionLine) + test::generation_line(7, "active", test::secret_of(200)));
    EXPECT_FALSE(password->computed());
    password->compute(0);
    EXPECT_TRUE(password->computed());
    const Answer answer = password->answer();
    EXPECT_EQ(answer.client, "app");
    Json claim = user;
    claim["passwordHash"] = Json::parse(answer.body)["password_hash"];
    EXPECT_EQ(ask("/verify-password", claim)["error"]["code"], "unknown_generation");
    use_keyring(keyring_of(2));
    EXPECT_EQ(ask("/verify-password", claim)["valid"], true);
}

// ---- the threads that hash ----

class HashingThreads : public HttpHandler {
protected:
    // A hash of this cost to compare with.
    std::shared_ptr<PasswordWork> work(const std::string& costs) {
        const Json request = {{"userUUID", kUuid}, {"password", "x"}, {"passwordHash", stored_hash(costs)}};
        return std::get<std::shared_ptr<PasswordWork>>(begin("/verify-password", request.dump()));
    }
    static PasswordThreads::Clock::time_point in(std::chrono::milliseconds time) {
        return PasswordThreads::Clock::now() + time;
    }

    const std::string cheap_ = "2,ln=10,r=8,p=1";
};

TEST_F(HashingThreads, TheyComputeEachWorkOnce) {
    PasswordThreads threads(1);
    threads.start();
    std::mutex mutex;
    std::condition_variable changed;
    unsigned done = 0;
    for (int i = 0; i < 5; i++) {
        const auto one = work(cheap_);
        ASSERT_TRUE(threads.submit(one, [&, one] {
            EXPECT_TRUE(one->computed());
            const std::lock_guard lock(mutex);
            done++;
            changed.notify_all();
        }));
    }
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return done == 5; }));
    lock.unlock();
    EXPECT_TRUE(threads.finish(in(std::chrono::seconds(20))));
    EXPECT_EQ(done, 5U);
}

TEST_F(HashingThreads, TheQueueIsBounded) {
    PasswordThreads threads(2);  // not started: everything waits
    std::vector<std::shared_ptr<PasswordWork>> all;
    unsigned called = 0;
    while (all.size() < 100) {
        auto one = work(cheap_);
        if (!threads.submit(one, [&] { called++; })) break;
        all.push_back(std::move(one));
    }
    EXPECT_EQ(all.size(), 2 * (1 + PasswordThreads::kWaitingEach));
    threads.withdraw(*all[3]);
    threads.withdraw(*all[3]);
    EXPECT_EQ(all[3].use_count(), 1) << "what is withdrawn is forgotten";
    EXPECT_TRUE(threads.submit(work(cheap_), [] {})) << "and leaves its place to another";
    EXPECT_FALSE(threads.submit(work(cheap_), [] {}));
    const Answer refusal = all[0]->refusal();
    EXPECT_EQ(refusal.status, 503U);
    EXPECT_EQ(refusal.retry_after, 1U);
    EXPECT_EQ(refusal.client, "app");
    EXPECT_TRUE(threads.finish(in(std::chrono::seconds(20))));
    EXPECT_EQ(all[0].use_count(), 1) << "at the end too";
    EXPECT_EQ(called, 0U);
}

// The callback that waits stands for a hash that takes long.
TEST_F(HashingThreads, TheEndDoesNotWaitForever) {
    PasswordThreads threads(1);
    threads.start();
    std::promise<void> begun, enough;
    const auto next = work(cheap_);
    ASSERT_TRUE(threads.submit(work(cheap_), [&] {
        begun.set_value();
        enough.get_future().wait();
    }));
    ASSERT_TRUE(threads.submit(next, [] {}));
    begun.get_future().wait();
    EXPECT_FALSE(threads.finish(in(std::chrono::milliseconds(10)))) << "a hash is running";
    EXPECT_FALSE(threads.submit(work(cheap_), [] {})) << "nothing more is taken";
    enough.set_value();
    EXPECT_TRUE(threads.finish(in(std::chrono::seconds(20))));
    EXPECT_FALSE(next->computed()) << "what waited is not begun";
}

}  // namespace
}  // namespace caas::http
