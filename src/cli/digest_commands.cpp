// `caas encrypt` and `caas verify`: what the functions of the server compute, without a server.
#include "../core/engine.hpp"
#include "../core/text.hpp"
#include "command.hpp"
#include "input.hpp"
#include "keyring_store.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

namespace caas::cli {

namespace {

struct DigestOptions {
    std::string keyring, uuid, digest;
    int generation = kActiveGeneration;
    bool line = false;
    bool raw = false;
};

// The data of standard input; the rules for text are those of the server's functions.
SecretText read_data(const DigestOptions& options) {
    SecretText data = read_input();
    std::string& text = data.expose_mutable();
    if (options.line && !text.empty() && text.back() == '\n') text.pop_back();
    if (!options.raw && !is_text(bytes_of(text))) {
        throw usage_failure("the data is not valid UTF-8 or holds a zero byte; --raw takes any bytes");
    }
    return data;
}

int encrypt(const DigestOptions& options) {
    const auto uuid = parse_uuid(options.uuid);
    Engine engine;
    load_engine(engine, options.keyring);
    const SecretText data = read_data(options);
    std::array<std::uint8_t, CAAS_DIGEST_MAX_BYTES> digest{};
    const auto length = engine.digest(uuid, options.generation, bytes_of(data.expose()), digest);
    if (!length.ok() && length.error().status == CAAS_ERR_UNKNOWN_GENERATION) {
        throw failure(options.keyring + ": there is no generation " + std::to_string(options.generation));
    }
    if (!length.ok()) throw keyring_failure(kExitFailed, options.keyring, length.error());
    std::string hex(2 * length.value(), '0');
    hex_encode(Bytes(digest.data(), length.value()), hex.data());
    std::cout << hex << '\n';
    return kExitOk;
}

int verify(const DigestOptions& options) {
    const auto uuid = parse_uuid(options.uuid);
    Engine engine;
    load_engine(engine, options.keyring);
    const SecretText data = read_data(options);
    std::array<std::uint8_t, CAAS_DIGEST_MAX_BYTES> digest{};
    const bool is_hex = hex_decode(bytes_of(options.digest), digest);
    const Bytes stored = is_hex ? Bytes(digest.data(), options.digest.size() / 2) : Bytes();
    const auto generation = engine.verify(uuid, bytes_of(data.expose()), stored);
    if (!generation.ok()) throw keyring_failure(kExitFailed, options.keyring, generation.error());
    if (generation.value() == 0) {
        std::cout << "no match\n";
        return kExitNo;
    }
    std::cout << generation.value() << '\n';
    return kExitOk;
}

std::pair<CLI::App*, std::shared_ptr<DigestOptions>> add(CLI::App& app, Action& chosen, const char* name,
                                                         const char* description, int (*run)(const DigestOptions&)) {
    CLI::App* command = app.add_subcommand(name, description);
    auto options = std::make_shared<DigestOptions>();
    command->add_option("--keyring", options->keyring, "The keyring")->required()->type_name("FILE");
    command->add_option("--uuid", options->uuid, "The user's UUID")->required()->type_name("UUID");
    command->add_flag("--line", options->line, "Leave one newline at the end of the data out");
    command->add_flag("--raw", options->raw, "Take any bytes, as the functions for bytea do");
    command->callback([&chosen, options, run] { chosen = bind_action(options, run); });
    return {command, options};
}

}  // namespace

void add_digest_commands(CLI::App& app, Action& chosen) {
    const auto [encrypting, encrypt_options] =
        add(app, chosen, "encrypt", "Print the digest of the data on standard input, as caas_encrypt does", encrypt);
    encrypting->add_option("--generation", encrypt_options->generation, "Default: the active one")
        ->check(CLI::Range(1, kMaxGenerationNumber))
        ->type_name("N");
    const auto [verifying, verify_options] =
        add(app, chosen, "verify", "Compare the data on standard input with a digest, as caas_verify does", verify);
    verifying->add_option("--digest", verify_options->digest, "The stored digest, hexadecimal")
        ->required()
        ->type_name("HEX");
}

}  // namespace caas::cli
