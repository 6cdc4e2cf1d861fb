// `caas encrypt` and `caas verify` compute what the functions of the server do, without a server.
#include "../core/engine.hpp"
#include "../core/text.hpp"
#include "input.hpp"
#include "keyring_file.hpp"
#include "register.hpp"
#include "user_options.hpp"

#include <array>
#include <iostream>

namespace caas::cli {

namespace {

struct DigestOptions {
    UserOptions user;
    std::string keyring, digest;
    int generation = kActiveGeneration;
    bool line = false;
    bool raw = false;
};

// Reads the data from standard input. The rules for text are those of the server's functions.
SecretText read_data(const DigestOptions& options) {
    SecretText data = read_input();
    std::string& text = data.expose_mutable();
    if (options.line) remove_line_end(text);
    if (!options.raw && !is_text(as_bytes(text))) {
        throw usage_error("the data is not valid UTF-8 or holds a zero byte; --raw takes any bytes");
    }
    return data;
}

// The input of both commands. The members are read in this order, so that no data is asked for before the keyring is
// known to be good.
struct Request {
    explicit Request(const DigestOptions& options)
        : uuid(uuid_of(options.user)), engine(load_engine(options.keyring)), data(read_data(options)) {}

    std::array<std::uint8_t, kUuidBytes> uuid;
    Engine engine;
    SecretText data;
    std::array<std::uint8_t, CAAS_DIGEST_MAX_BYTES> digest{};
};

int encrypt(const DigestOptions& options) {
    Request request(options);
    const auto length =
        request.engine.digest(request.uuid, options.generation, as_bytes(request.data.expose()), request.digest);
    if (!length.ok() && length.error().status == CAAS_ERR_UNKNOWN_GENERATION) {
        throw program_error(options.keyring + ": there is no generation " + std::to_string(options.generation));
    }
    if (!length.ok()) throw keyring_error(kExitFailed, options.keyring, length.error());
    std::string hex(2 * length.value(), '0');
    hex_encode(Bytes(request.digest).first(length.value()), hex.data());
    std::cout << hex << '\n';
    return kExitOk;
}

int verify(const DigestOptions& options) {
    Request request(options);
    const bool is_hex = hex_decode(as_bytes(options.digest), request.digest);
    const Bytes stored = is_hex ? Bytes(request.digest).first(options.digest.size() / 2) : Bytes();
    const auto generation = request.engine.verify(request.uuid, as_bytes(request.data.expose()), stored);
    if (!generation.ok()) throw keyring_error(kExitFailed, options.keyring, generation.error());
    if (generation.value() == 0) {
        std::cout << "no match\n";
        return kExitNo;
    }
    std::cout << generation.value() << '\n';
    return kExitOk;
}

Command<DigestOptions> add(CLI::App& app, Action& chosen, const char* name, const char* description,
                           int (*run)(const DigestOptions&)) {
    auto command = add_command(app, chosen, name, description, run);
    DigestOptions& options = *command.options;
    command.line->add_option("--keyring", options.keyring, "The keyring")->required()->type_name("FILE");
    add_user_options(*command.line, options.user);
    command.line->add_flag("--line", options.line, "Leave out one LF or CR LF at the end of the data");
    command.line->add_flag("--raw", options.raw, "Accept any bytes, as the functions for bytea do");
    return command;
}

}  // namespace

void add_digest_commands(CLI::App& app, Action& chosen) {
    const auto encrypting =
        add(app, chosen, "encrypt", "Print the digest of the data on standard input, as caas_encrypt does", encrypt);
    encrypting.line->add_option("--generation", encrypting.options->generation, "Default: the active one")
        ->check(CLI::Range(1, kMaxGenerationNumber))
        ->type_name("N");
    const auto verifying =
        add(app, chosen, "verify", "Compare the data on standard input with a digest, as caas_verify does", verify);
    verifying.line->add_option("--digest", verifying.options->digest, "The stored digest, hexadecimal")
        ->required()
        ->type_name("HEX");
}

}  // namespace caas::cli
