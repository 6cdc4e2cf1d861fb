#include "published.hpp"

#include "support.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace caas::test {

namespace {

std::string existing(const char* variable, const char* standard, const std::string& name) {
    const char* set = std::getenv(variable);
    const std::string path = std::string(set != nullptr ? set : standard) + "/" + name;
    return std::filesystem::exists(path) ? path : "";
}

}  // namespace

std::string published_path(const std::string& name) {
    return existing("CAAS_CRYPTOGRAPHY_VECTORS", "/usr/lib/python3/dist-packages/cryptography_vectors", name);
}

std::string wycheproof_path(const std::string& name) {
    return existing("CAAS_WYCHEPROOF_DIR", "../shared/vectors/wycheproof", name);
}

void for_each_line(const std::string& path, const std::function<void(const std::string&)>& body) {
    std::ifstream in(path);
    std::string line;
    while (std::getline(in, line)) {
        if (line.ends_with('\r')) line.pop_back();
        body(line);
    }
}

bool read_field(const std::string& line, Record& record) {
    const std::size_t at = line.find(" = ");
    if (line.starts_with('#') || at == std::string::npos) return false;
    record[line.substr(0, at)] = line.substr(at + 3);
    return true;
}

namespace {

Record record_of(const nlohmann::json& object) {
    Record record;
    for (const auto& [name, value] : object.items()) {
        record[name] = value.is_string() ? value.get<std::string>() : value.dump();
    }
    return record;
}

}  // namespace

std::vector<Record> read_flat_json(const std::string& path) {
    std::vector<Record> records;
    for (const auto& object : nlohmann::json::parse(read_whole_file(path))) records.push_back(record_of(object));
    return records;
}

std::vector<Record> read_wycheproof_aeads(const std::string& path) {
    std::vector<Record> records;
    const nlohmann::json file = nlohmann::json::parse(read_whole_file(path));
    for (const auto& group : file.at("testGroups")) {
        if (group.at("keySize") != 256 || group.at("ivSize") != 96 || group.at("tagSize") != 128) continue;
        for (const auto& test : group.at("tests")) records.push_back(record_of(test));
    }
    return records;
}

std::vector<WycheproofMac> read_wycheproof_macs(const std::string& path) {
    std::vector<WycheproofMac> macs;
    const nlohmann::json file = nlohmann::json::parse(read_whole_file(path));
    for (const auto& group : file.at("testGroups")) {
        for (const auto& test : group.at("tests")) {
            macs.push_back(
                {test.at("tcId").dump(), test.at("key"), test.at("msg"), test.at("tag"), test.at("result") == "valid"});
        }
    }
    return macs;
}

}  // namespace caas::test
