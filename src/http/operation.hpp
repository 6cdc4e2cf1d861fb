// The operations: each reads its fields, calls the core, and gives the values of its answer.
#pragma once
#include "routes.hpp"

namespace caas::http {

Reply encrypt(const Call& call);
Reply verify(const Call& call);
Reply seal(const Call& call);
Reply open(const Call& call);
Reply reseal(const Call& call);
Reply blind_index(const Call& call);

// Decodes the fields of an operation on a password.
std::optional<Rejection> read_password(const Fields& fields, PasswordInput& input);
Reply hash_password(const PasswordCall& call);
Reply verify_password(const PasswordCall& call);

}  // namespace caas::http
