// `caas serve`: its options.
#include "../http/serve_options.hpp"
#include "register.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

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
        "The API keys, one a line: NAME:SHA-256 and the permitted operations; required");
    add(line, "--tls-cert", options.tls_cert, "FILE", "Certificate chain in PEM: TLS on every TCP address");
    add(line, "--tls-key", options.tls_key, "FILE", "Its private key in PEM");
    add(line, "--access-log", options.access_log, "FILE",
        "One JSON object for each request; - is standard output, off is none")
        ->capture_default_str();
}

void add_network(CLI::App& line, ServeOptions& options) {
    add(line, "--listen", options.listen, "ADDRESS", "HOST:PORT, [HOST]:PORT or unix:PATH; may be repeated")
        ->delimiter(',')
        ->capture_default_str();
    line.add_flag("--insecure", options.insecure, "Allow a TCP address beyond loopback without TLS")
        ->envname(variable_of("--insecure"));
    add(line, "--threads", options.threads, "N", "Threads; by default the number of processors")
        ->check(CLI::Range(1, 1024));
    add(line, "--password-threads", options.password_threads, "N",
        "Password hashes computed at a time; by default half of the processors, 1 to 4")
        ->check(CLI::Range(1, 1024));
    add(line, "--max-connections", options.max_connections, "N",
        "Open connections; for a further one, the longest-idle one is closed")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
    add(line, "--max-connections-per-address", options.max_connections_per_address, "N",
        "The share of one client address, or of the Unix sockets; by default half of --max-connections")
        ->check(CLI::Range(1, 1000000));
}

void add_limits(CLI::App& line, ServeOptions& options) {
    add(line, "--max-body", options.max_body, "BYTES", "The largest body of a request")
        ->check(CLI::Range(1, 1 << 30))
        ->capture_default_str();
    add(line, "--max-memory", options.max_memory, "BYTES",
        "Memory for all requests and answers in flight; by default 256 MiB, or four times --max-body if that is more")
        ->check(CLI::Range(1.0, 1e15));
    add(line, "--request-timeout", options.request_timeout, "SECONDS",
        "From the first byte of a request to its last, and again for its answer")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    add(line, "--idle-timeout", options.idle_timeout, "SECONDS", "A connection between two requests is closed")
        ->check(CLI::Range(1, 86400))
        ->capture_default_str();
    add(line, "--rate-limit", options.rate_limit, "N", "Requests a second for each key name; 0: no limit")
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

using FileValues = std::map<CLI::Option*, std::vector<std::string>>;

// --listen adds up. CLI11 itself reports two adjacent lines of one name as one item with two values.
FileValues read_values(CLI::App& line, const std::string& path) {
    std::vector<CLI::ConfigItem> items;
    try {
        items = CLI::ConfigTOML().from_file(path);
    } catch (const CLI::Error&) {
        throw program_error("--config: " + path + " cannot be read");
    }
    FileValues values;
    for (const CLI::ConfigItem& item : items) {
        CLI::Option& option = option_named(line, path, item);
        std::vector<std::string>& all = values[&option];
        all.insert(all.end(), item.inputs.begin(), item.inputs.end());
        if (all.size() > 1 && option.get_items_expected_max() <= 1) {
            throw usage_error(path + ": " + item.name + " is given more than once");
        }
    }
    return values;
}

// CLI11's own configuration files are for the whole program, and take precedence over the environment.
void read_config(CLI::App& line, const std::string& path) {
    for (const auto& [option, values] : read_values(line, path)) {
        if (option->count() > 0) continue;  // given on the command line or in the environment
        option->add_result(values);
        try {
            option->run_callback();
        } catch (const CLI::ParseError&) {
            throw usage_error(path + ": " + option->get_lnames().front() + " has an invalid value");
        }
    }
}

// CLI11 2.4 ignores an invalid value of a variable; 2.1 does not.
void check_environment(const CLI::App& line) {
    for (const CLI::Option* option : line.get_options()) {
        const std::string& variable = option->get_envname();
        const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
        if (value != nullptr && *value != '\0' && option->count() == 0) {
            throw usage_error(variable + " has an invalid value");
        }
    }
}

}  // namespace

void add_serve_command(CLI::App& app, Action& chosen) {
    CLI::App* line = app.add_subcommand("serve", "Offer what the SQL functions compute over HTTP");
    auto options = std::make_shared<ServeOptions>();
    add_files(*line, *options);
    add_network(*line, *options);
    add_limits(*line, *options);
    auto config = std::make_shared<std::string>();
    add(*line, "--config", *config, "FILE", "A file with further options: NAME = VALUE, one a line")
        ->configurable(false);
    line->add_flag("--check", options->check, "Check whether the files can be used, and exit")->configurable(false);
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
