// The lines above the body of an answer.
#pragma once
#include "answer.hpp"

#include <map>
#include <memory>
#include <string>
#include <tuple>

namespace caas::http {

// AnswerHeads belongs to one thread. Most answers differ only in their length, so each head is made once and kept: that
// saves a sixth of a request's time.
class AnswerHeads {
public:
    std::shared_ptr<const std::string> of(const Answer& answer, bool keep_alive);

private:
    using Key = std::tuple<unsigned, std::size_t, const char*, const char*, unsigned, bool>;
    std::map<Key, std::shared_ptr<const std::string>> made_;
};

}  // namespace caas::http
