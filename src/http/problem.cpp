#include "problem.hpp"

namespace caas::http {

ProblemId problem_for_status(caas_status status) {
    switch (status) {
        case CAAS_ERR_NO_KEYRING:
            return ProblemId::no_keyring;
        case CAAS_ERR_UNKNOWN_GENERATION:
            return ProblemId::unknown_generation;
        case CAAS_ERR_TEXT:
            return ProblemId::invalid_text;
        case CAAS_ERR_CONTEXT:
            return ProblemId::invalid_context;
        case CAAS_ERR_MALFORMED:
            return ProblemId::malformed_value;
        case CAAS_ERR_CANNOT_OPEN:
            return ProblemId::cannot_open;
        default:
            return ProblemId::internal;
    }
}

}  // namespace caas::http
