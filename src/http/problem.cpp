#include "problem.hpp"

namespace caas::http {

const Problem* problem_of(caas_status status) {
    switch (status) {
        case CAAS_OK:
            return nullptr;
        case CAAS_ERR_NO_KEYRING:
            return &problem::kNoKeyring;
        case CAAS_ERR_UNKNOWN_GENERATION:
            return &problem::kUnknownGeneration;
        case CAAS_ERR_TEXT:
            return &problem::kInvalidText;
        case CAAS_ERR_CONTEXT:
            return &problem::kInvalidContext;
        case CAAS_ERR_MALFORMED:
            return &problem::kMalformedValue;
        case CAAS_ERR_CANNOT_OPEN:
            return &problem::kCannotOpen;
        default:
            return &problem::kInternal;
    }
}

}  // namespace caas::http
