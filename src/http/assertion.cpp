// An assertion of Boost that fails ends one connection, as an exception that the worker catches, and not the service.
#include <boost/assert.hpp>

#include <stdexcept>

namespace boost {

// The texts are Boost's own; they hold nothing of a request.
void assertion_failed(char const* expression, char const*, char const*, long) { throw std::logic_error(expression); }

void assertion_failed_msg(char const* expression, char const*, char const*, char const*, long) {
    throw std::logic_error(expression);
}

}  // namespace boost
