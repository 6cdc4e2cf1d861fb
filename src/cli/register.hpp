// Registers a command: its name, its options and the function that runs it.
#pragma once
#include "command.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace caas::cli {

template <typename Options>
struct Command {
    CLI::App* line;
    std::shared_ptr<Options> options;  // filled when the command line is read; the action keeps it
};

// The caller adds the options to the line.
template <typename Options>
Command<Options> add_command(CLI::App& group, Action& chosen, const char* name, const char* description,
                             int (*run)(const Options&)) {
    CLI::App* line = group.add_subcommand(name, description);
    auto options = std::make_shared<Options>();
    line->callback([&chosen, options, run] { chosen = [options, run] { return run(*options); }; });
    return {line, options};
}

}  // namespace caas::cli
