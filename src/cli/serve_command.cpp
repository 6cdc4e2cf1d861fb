// `caas serve`: its options.
#include "../http/serve_options.hpp"
#include "register.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace caas::cli {

namespace {

using http::ServeOptions;

// "--max-body" is also CAAS_MAX_BODY.
std::string variable_of(const std::string& option) {
    std::string name = "CAAS_" + option.substr(2);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return c == '-' ? '_' : std::toupper(c); });
    return name;
}

template <typename Value>
CLI::Option* add(CLI::App& line, const char* name, Value& value, const char* type, const char* description) {
    return line.add_option(name, value, description)->type_name(type)->envname(variable_of(name));
}

void add_files(CLI::App& line, ServeOptions& options) {
    add(line, "--keyring", options.keyring, "FILE", "The keyring; required");
    add(line, "--api-keys", options.api_keys, "FILE",
        "The API keys, one a line: NAME:SHA-256 and what it may do; required");
    add(line, "--tls-cert", options.tls_cert, "FILE", "Certificate chain in PEM: TLS on every TCP address");
    add(line, "--tls-key", options.tls_key, "FILE", "Its private key in PEM");
    add(line, "--access-log", options.access_log, "FILE",
        "One JSON object a request; - is standard output, off is none")
        ->capture_default_str();
}

void add_network(CLI::App& line, ServeOptions& options) {
    add(line, "--listen", options.listen, "ADDRESS", "HOST:PORT, [HOST]:PORT or unix:PATH; may be repeated")
        ->delimiter(',')
        ->capture_default_str();
    line.add_flag("--insecure", options.insecure, "Allow a TCP address beyond loopback without TLS")
        ->envname(variable_of("--insecure"));
    add(line, "--threads", options.threads, "N", "Threads; by default one a processor")->check(CLI::Range(1, 1024));
    add(line, "--max-connections", options.max_connections, "N", "Further ones wait")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
}

void add_limits(CLI::App& line, ServeOptions& options) {
    add(line, "--max-body", options.max_body, "BYTES", "The largest body of a request")
        ->check(CLI::Range(1, 1 << 30))
        ->capture_default_str();
    add(line, "--request-timeout", options.request_timeout, "SECONDS",
        "From the first byte of a request to its last, and again for its answer")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    add(line, "--idle-timeout", options.idle_timeout, "SECONDS", "A connection between two requests is closed")
        ->check(CLI::Range(1, 86400))
        ->capture_default_str();
    add(line, "--rate-limit", options.rate_limit, "N", "Requests a second and key name; 0: no limit")
        ->check(CLI::Range(0, 1000000))
        ->capture_default_str();
}

CLI::Option& option_named(CLI::App& line, const std::string& path, const CLI::ConfigItem& item) {
    CLI::Option* option = nullptr;
    if (item.parents.empty()) {
        for (CLI::Option* one : line.get_options()) {
            if (one->get_configurable() && one->check_lname(item.name)) option = one;
        }
    }
    if (option == nullptr) throw usage_error(path + ": there is no option " + item.fullname());
    return *option;
}

// CLI11 itself reads files for the whole program only, and prefers them to the environment.
void read_config(CLI::App& line, const std::string& path) {
    std::vector<CLI::ConfigItem> items;
    try {
        items = CLI::ConfigTOML().from_file(path);
    } catch (const CLI::Error&) {
        throw program_error("--config: " + path + " cannot be read");
    }
    for (const CLI::ConfigItem& item : items) {
        CLI::Option& option = option_named(line, path, item);
        if (option.count() > 0) continue;  // the command line or the environment has said it
        option.add_result(item.inputs);
        try {
            option.run_callback();
        } catch (const CLI::ParseError&) {
            throw usage_error(path + ": " + item.name + " has a value that it cannot have");
        }
    }
}

// CLI11 2.4 passes over a variable with a value that the option cannot have; 2.1 does not.
void check_environment(const CLI::App& line) {
    for (const CLI::Option* option : line.get_options()) {
        const std::string& variable = option->get_envname();
        const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
        if (value != nullptr && *value != '\0' && option->count() == 0) {
            throw usage_error(variable + " has a value that it cannot have");
        }
    }
}

}  // namespace

void add_serve_command(CLI::App& app, Action& chosen) {
    CLI::App* line = app.add_subcommand("serve", "Answer HTTP requests with what the SQL functions compute");
    auto options = std::make_shared<ServeOptions>();
    add_files(*line, *options);
    add_network(*line, *options);
    add_limits(*line, *options);
    auto config = std::make_shared<std::string>();
    add(*line, "--config", *config, "FILE", "More of these options: NAME = VALUE, one a line")->configurable(false);
    line->add_flag("--check", options->check, "Only see whether the files can be used, and exit")->configurable(false);
    line->get_help_ptr()->configurable(false);
    line->callback([&chosen, line, options, config] {
        check_environment(*line);
        if (!config->empty()) read_config(*line, *config);
        if (options->keyring.empty()) throw usage_error("--keyring is required");
        if (options->api_keys.empty()) throw usage_error("--api-keys is required");
        chosen = [options] { return http::serve(*options); };
    });
}

}  // namespace caas::cli
