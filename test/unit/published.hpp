// Reads files of test vectors, the project's own and public ones, in their own formats.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace caas::test {

// A file of Debian's python3-cryptography-vectors (or below CAAS_CRYPTOGRAPHY_VECTORS); empty when it is not there.
std::string published_path(const std::string& name);
inline constexpr const char* kNoPublishedVectors =
    "python3-cryptography-vectors is not installed (CAAS_CRYPTOGRAPHY_VECTORS names another folder)";

// A file of Wycheproof below CAAS_WYCHEPROOF_DIR, by default ../shared/vectors/wycheproof; empty when it is not there.
std::string wycheproof_path(const std::string& name);
inline constexpr const char* kNoWycheproof =
    "no Wycheproof vectors in CAAS_WYCHEPROOF_DIR or ../shared/vectors/wycheproof";

void for_each_line(const std::string& path, const std::function<void(const std::string&)>& body);

using Record = std::map<std::string, std::string>;
// Reads "Name = value" into the record; false when the line is something else.
bool read_field(const std::string& line, Record& record);

// A JSON list of flat objects, as test/vectors holds; numbers become their digits.
std::vector<Record> read_flat_json(const std::string& path);

struct WycheproofMac {
    std::string id;
    std::string key;  // hex, like the rest
    std::string message;
    std::string tag;
    bool valid;
};
std::vector<WycheproofMac> read_wycheproof_macs(const std::string& path);

// Those with a key of 32 bytes, an iv of 12 and a tag of 16. The fields are Wycheproof's: key, iv, aad, msg, ct, tag,
// in hex, result and tcId.
std::vector<Record> read_wycheproof_aeads(const std::string& path);

}  // namespace caas::test
