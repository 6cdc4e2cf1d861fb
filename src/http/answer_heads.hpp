// The lines above the body of an answer.
#pragma once
#include "answer.hpp"

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <tuple>

namespace caas::http {

// AnswerHeads belongs to one thread. Most answers differ only in their length, so a head is made once a second and
// kept: making it takes a sixth of the time of a request.
class AnswerHeads {
public:
    std::shared_ptr<const std::string> of(const Answer& answer, bool keep_alive);

private:
    using Key = std::tuple<unsigned, std::size_t, const char*, const char*, unsigned, bool>;
    std::map<Key, std::shared_ptr<const std::string>> made_;
    std::time_t second_ = -1;  // of date_
    std::string date_;
};

}  // namespace caas::http
