#include "keyring.hpp"

#include "cipher_pool.hpp"
#include "digest_pool.hpp"
#include "key_text.hpp"
#include "password_pool.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

namespace caas {

namespace {

constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kIndexField = "index=";

// Functions of the parser return a static text when they fail; parse_keyring adds the line.
using Reason = const char*;
constexpr Reason kFine = nullptr;

// Takes the next field off a line; empty at its end.
std::string_view next_field(std::string_view& rest) {
    const std::size_t begin = std::min(rest.find_first_not_of(kBlanks), rest.size());
    const std::size_t end = std::min(rest.find_first_of(kBlanks, begin), rest.size());
    const std::string_view field = rest.substr(begin, end - begin);
    rest.remove_prefix(end);
    return field;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The number of a generation, or 0 when the text is none.
int generation_number(std::string_view text) {
    constexpr std::size_t kMaxDigits = 5;
    if (text.empty() || text.size() > kMaxDigits || text[0] == '0') return 0;
    int number = 0;
    for (const char c : text) {
        if (!is_digit(c)) return 0;
        number = number * 10 + (c - '0');
    }
    return number <= kMaxGenerationNumber ? number : 0;
}

Reason parse_number(std::string_view field, int& number) {
    number = generation_number(field);
    return number != 0 ? kFine : "the number is not a decimal from 1 to 65535 without leading zeroes";
}

Reason parse_state(std::string_view field, bool& active) {
    active = field == "active";
    return active || field == "retired" ? kFine : "the state is neither active nor retired";
}

Reason parse_time(std::string_view field, std::string& created) {
    constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:ddZ";
    constexpr Reason kReason = "the creation time is not YYYY-MM-DDTHH:MM:SSZ";
    if (field.size() != kShape.size()) return kReason;
    for (std::size_t i = 0; i < kShape.size(); i++) {
        if (kShape[i] == 'd' ? !is_digit(field[i]) : field[i] != kShape[i]) return kReason;
    }
    const auto two = [&](std::size_t at) { return (field[at] - '0') * 10 + (field[at + 1] - '0'); };
    const std::chrono::year year(two(0) * 100 + two(2));
    const std::chrono::month month(static_cast<unsigned>(two(5)));
    const std::chrono::day day(static_cast<unsigned>(two(8)));
    const bool is_date = year >= std::chrono::year(1) && std::chrono::year_month_day(year, month, day).ok();
    if (!is_date || two(11) > 23 || two(14) > 59 || two(17) > 59) return kReason;
    created = field;
    return kFine;
}

Reason parse_secret(std::string_view field, SecretKey<kSecretBytes>& secret) {
    if (!decode_key(field, secret)) return "the secret is not the canonical base64 of 32 bytes";
    return has_equal_bytes(secret) ? "the secret is 32 equal bytes" : kFine;
}

// Takes what follows "index=".
Reason parse_index_key(std::string_view value, Generation& generation) {
    if (generation.carried_index_key) return "the index key is given twice";
    const std::size_t colon = std::min(value.find(':'), value.size());
    IndexKey& index_key = generation.carried_index_key.emplace();
    index_key.generation = generation_number(value.substr(0, colon));
    if (index_key.generation == 0 || colon == value.size())
        return "the index key does not begin with a generation's number and a colon";
    if (index_key.generation == generation.number)
        return "the index key is said to come from the line's own generation";
    if (!decode_key(value.substr(colon + 1), index_key.key))
        return "the index key is not the canonical base64 of 32 bytes";
    return has_equal_bytes(index_key.key) ? "the index key is 32 equal bytes" : kFine;
}

Reason parse_pool(const PoolKind& kind, std::string_view names, Pool& pool) {
    if (!pool.empty()) return "a pool is named twice";
    if (names.empty()) return "a pool is empty";
    for (bool more = true; more;) {
        const std::size_t comma = names.find(',');
        more = comma != std::string_view::npos;
        const auto id = find_algorithm(kind, names.substr(0, comma));
        if (!id) return "a pool names an unknown algorithm";
        if (std::find(pool.begin(), pool.end(), *id) != pool.end()) return "a pool names an algorithm twice";
        pool.push_back(*id);
        names.remove_prefix(more ? comma + 1 : names.size());
    }
    return kFine;
}

using Pools = std::array<std::pair<const PoolKind*, Pool*>, 3>;

Reason parse_field(std::string_view field, const Pools& pools, Generation& generation) {
    if (field.substr(0, kIndexField.size()) == kIndexField) {
        return parse_index_key(field.substr(kIndexField.size()), generation);
    }
    for (const auto& [kind, pool] : pools) {
        if (field.substr(0, kind->field.size()) == kind->field) {
            return parse_pool(*kind, field.substr(kind->field.size()), *pool);
        }
    }
    return "unknown field";
}

// The fields behind the secret, in any order.
Reason parse_fields(std::string_view rest, Generation& generation) {
    const Pools pools = {{
        {&digest_pool, &generation.digests},
        {&cipher_pool, &generation.ciphers},
        {&password_pool, &generation.passwords},
    }};
    for (std::string_view field = next_field(rest); !field.empty(); field = next_field(rest)) {
        if (const Reason reason = parse_field(field, pools, generation)) return reason;
    }
    for (const auto& [kind, pool] : pools) {
        if (pool->empty()) *pool = default_pool(*kind);
    }
    return kFine;
}

Reason parse_generation(std::string_view line, Generation& generation) {
    if (const Reason reason = parse_number(next_field(line), generation.number)) return reason;
    if (const Reason reason = parse_state(next_field(line), generation.active)) return reason;
    if (const Reason reason = parse_time(next_field(line), generation.created)) return reason;
    if (const Reason reason = parse_secret(next_field(line), generation.secret)) return reason;
    return parse_fields(line, generation);
}

Reason check_line(std::string_view line) {
    if (line.size() > kMaxLineBytes) return "the line is over 4096 bytes";
    if (!is_text(as_bytes(line))) return "the line is not valid UTF-8 or holds a zero byte";
    if (!line.empty() && line.back() == '\r') return "the line ends in CR LF instead of LF";
    return kFine;
}

Reason check_against(const std::vector<Generation>& earlier, const Generation& generation) {
    for (const Generation& other : earlier) {
        if (other.number == generation.number) return "the number is used twice";
        if (other.active && generation.active) return "two generations are active";
        if (same_key(other.secret, generation.secret)) return "the secret is used twice";
    }
    return earlier.size() < kMaxGenerations ? kFine : "more than 1024 generations";
}

Reason parse_line(std::string_view line, int number, std::vector<Generation>& generations) {
    if (const Reason reason = check_line(line)) return reason;
    if (number == 1) return line == kKeyringVersionLine ? kFine : "the first line is not '# caas keyring v1'";
    const bool blank = line.find_first_not_of(kBlanks) == std::string_view::npos;
    if (blank || line[0] == '#') return kFine;
    Generation generation;
    generation.line = number;
    if (const Reason reason = parse_generation(line, generation)) return reason;
    if (const Reason reason = check_against(generations, generation)) return reason;
    generations.push_back(std::move(generation));
    return kFine;
}

Error syntax_error(int line, Reason reason) {
    return Error{.status = CAAS_ERR_KEYRING_SYNTAX, .line = line, .reason = reason};
}

// A carried key that its origin does not have was mixed up, and would make indexes that nothing finds.
Outcome check_index_keys(const Keyring& keyring) {
    for (const Generation& generation : keyring.generations()) {
        if (!generation.carried_index_key) continue;
        const Generation* const origin = keyring.find(generation.carried_index_key->generation);
        if (origin == nullptr) continue;  // it is removed like any other
        const auto key = origin->index_key();
        if (!key.ok()) return key.error();
        if (!same_key(key.value().key, generation.carried_index_key->key)) {
            return syntax_error(generation.line, "the index key is not that of the generation that it names");
        }
    }
    return Done{};
}

}  // namespace

Result<Keyring> parse_keyring(std::string_view text) {
    std::vector<Generation> generations;
    int number = 0;
    bool open_line = false;
    while (!text.empty()) {
        number++;
        // Tools that keep secrets often drop the last LF.
        const std::size_t end = std::min(text.find('\n'), text.size());
        open_line = end == text.size();
        if (const Reason reason = parse_line(text.substr(0, end), number, generations))
            return syntax_error(number, reason);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (number == 0) return syntax_error(1, "the file is empty");
    const bool active = std::any_of(generations.begin(), generations.end(), [](const auto& g) { return g.active; });
    if (!active) return syntax_error(number, "no generation is active");
    // A line that was cut off after one of its fields still looks whole. A comment loses nothing.
    const bool may_be_cut_off = open_line && generations.back().line == number;
    Keyring keyring(std::move(generations), may_be_cut_off);
    const Outcome checked = check_index_keys(keyring);
    if (!checked.ok()) return checked.error();
    return keyring;
}

bool append_index_field(const IndexKey& index_key, std::string& text) {
    text.append(kIndexField).append(std::to_string(index_key.generation)).append(":");
    return append_key(index_key.key, text);
}

Result<std::string> Generation::check_value() const {
    SecretText description(kMaxLineBytes);
    std::string& text = description.expose_mutable();
    text.append(std::to_string(number));
    for (const auto& [kind, pool] : {std::pair(&digest_pool, &digests), std::pair(&cipher_pool, &ciphers),
                                     std::pair(&password_pool, &passwords)}) {
        text.append(" ").append(kind->field).append(pool_text(*kind, *pool));
    }
    if (carried_index_key && !append_index_field(*carried_index_key, text.append(" "))) {
        return crypto_error("the index key could not be encoded");
    }
    return caas::check_value(secret, description.expose());
}

Result<IndexKey> Generation::index_key() const {
    if (carried_index_key) {
        return IndexKey{carried_index_key->generation, SecretKey<kSecretBytes>(carried_index_key->key.expose())};
    }
    auto key = derive_purpose_key(secret, "index");
    if (!key.ok()) return key.error();
    return IndexKey{number, std::move(key.value())};
}

Result<SubjectKdf*> Generation::subject_kdf(Purpose purpose) {
    constexpr std::array<std::string_view, 3> kPurposeNames = {"digest", "seal", "password"};
    const auto index = static_cast<std::size_t>(purpose);
    std::optional<SubjectKdf>& kdf = subject_kdfs_[index];
    if (!kdf) {
        auto key = derive_purpose_key(secret, kPurposeNames[index]);
        if (!key.ok()) return key.error();
        auto made = SubjectKdf::create(key.value());
        if (!made.ok()) return made.error();
        kdf.emplace(std::move(made.value()));
    }
    return &*kdf;
}

Result<const SecretKey<kSecretBytes>*> Generation::reseal_key() {
    if (!reseal_key_) {
        auto key = derive_purpose_key(secret, "reseal");
        if (!key.ok()) return key.error();
        reseal_key_.emplace(std::move(key.value()));
    }
    return &*reseal_key_;
}

Result<BlindIndexer*> Generation::blind_indexer() {
    if (!blind_indexer_) {
        auto own = index_key();
        if (!own.ok()) return own.error();
        auto made = BlindIndexer::create(std::move(own.value().key));
        if (!made.ok()) return made.error();
        blind_indexer_.emplace(std::move(made.value()));
    }
    return &*blind_indexer_;
}

Keyring::Keyring(std::vector<Generation> generations, bool may_be_cut_off)
    : generations_(std::move(generations)), may_be_cut_off_(may_be_cut_off) {
    std::sort(generations_.begin(), generations_.end(),
              [](const Generation& a, const Generation& b) { return a.number > b.number; });
    while (active_index_ + 1 < generations_.size() && !generations_[active_index_].active) active_index_++;
}

const Generation* Keyring::find(int number) const {
    const auto found = std::lower_bound(generations_.begin(), generations_.end(), number,
                                        [](const Generation& g, int n) { return g.number > n; });
    return found != generations_.end() && found->number == number ? &*found : nullptr;
}

Result<const std::vector<int>*> Keyring::index_generations() {
    if (!index_generations_.empty()) return &index_generations_;
    std::vector<int> numbers;
    std::vector<SecretKey<kSecretBytes>> keys;
    const auto add = [&](const Generation& generation) -> Outcome {
        auto own = generation.index_key();
        if (!own.ok()) return own.error();
        const SecretKey<kSecretBytes>& key = own.value().key;
        if (std::any_of(keys.begin(), keys.end(), [&](const auto& other) { return same_key(key, other); }))
            return Done{};
        keys.push_back(std::move(own.value().key));
        numbers.push_back(generation.number);
        return Done{};
    };
    const Outcome first = add(active());
    if (!first.ok()) return first.error();
    for (const Generation& generation : generations_) {
        const Outcome added = generation.active ? Outcome(Done{}) : add(generation);
        if (!added.ok()) return added.error();
    }
    index_generations_ = std::move(numbers);
    return &index_generations_;
}

unsigned Keyring::warnings() const {
    unsigned found = may_be_cut_off_ ? CAAS_WARN_OPEN_LAST_LINE : 0;
    for (const Generation& generation : generations_) {
        for (const AlgorithmId id : generation.digests) {
            if (digest_algorithms[id].weak) found |= CAAS_WARN_WEAK_DIGEST;
        }
        std::uint8_t differing = 0;
        for (std::size_t i = 0; i < kSecretBytes; i++)
            differing |= static_cast<std::uint8_t>(generation.secret.expose()[i] ^ i);
        if (differing == 0) found |= CAAS_WARN_PUBLISHED_SECRET;
    }
    return found;
}

}  // namespace caas
