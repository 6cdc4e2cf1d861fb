// The lines above the body of an answer.
#pragma once
#include "answer.hpp"

#include <map>
#include <memory>
#include <string>
#include <tuple>

namespace caas::http {

// AnswerHeads belongs to one thread. Answers differ in little but their length: a head is put together once and kept,
// which takes a sixth off the price of a request.
class AnswerHeads {
public:
    std::shared_ptr<const std::string> of(const Answer& answer, bool keep_alive);

private:
    using Key = std::tuple<unsigned, std::size_t, const char*, const char*, unsigned, bool>;
    std::map<Key, std::shared_ptr<const std::string>> made_;
};

}  // namespace caas::http
