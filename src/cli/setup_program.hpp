// Runs another program without a shell: `caas setup` reaches the server through psql.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace caas::cli {

struct ProgramEnd {
    int exit_code;  // 128 + N after signal N
    std::string out;
    std::string err;
};

// The first argument is the program: a path, or a name that is searched in PATH. The program gets this environment
// alone, and the default action of signals that the caller ignores. The caller must ignore SIGPIPE, because the program
// may end before it has read its input.
ProgramEnd run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                       std::string_view input);

}  // namespace caas::cli
