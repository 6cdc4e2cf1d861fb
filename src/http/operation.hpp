// The operations: each reads its fields, calls the core, and gives the values of its answer.
#pragma once
#include "routes.hpp"

namespace caas::http {

Reply encrypt(const Call& call);
Reply verify(const Call& call);
Reply seal(const Call& call);
Reply open(const Call& call);
Reply blind_index(const Call& call);

}  // namespace caas::http
