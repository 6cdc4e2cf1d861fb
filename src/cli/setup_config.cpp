#include "setup_config.hpp"

#include "command.hpp"
#include "new_file.hpp"
#include "setup_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>

namespace caas::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPreload = "session_preload_libraries";
constexpr const char* kKeyringFile = "caas.keyring_file";
constexpr const char* kDigests = "caas.api_key_digests";
constexpr const char* kStatementLog = "log_min_error_statement";
constexpr const char* kStatementLogLines =
    "# A statement that fails may hold plaintext: the log shows its error, but not its text.\n"
    "log_min_error_statement = panic\n";
constexpr const char* kIncludeLine = "include_if_exists = 'caas.conf'  # made by caas setup";
constexpr const char* kHeader =
    "# Made by \"caas setup\"; \"caas setup --remove\" takes the file away. Of these lines it changes\n"
    "# session_preload_libraries, caas.keyring_file and caas.api_key_digests, and keeps all others.\n";
constexpr unsigned kFileMode = 0640;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

// "NAME = 'VALUE'" of a configuration file.
std::string setting_line(const std::string& name, const std::string& value) {
    std::string line = name + " = '";
    for (const char c : value) {
        if (c == '\'' || c == '\\') line += c;
        line += c;
    }
    return line + "'\n";
}

constexpr std::string_view kConfigBlanks = " \t\r";

// One line of a configuration file: the setting's name in lower case, and the text behind the equals sign.
struct NameAndRest {
    std::string name;
    std::string rest;
};

NameAndRest split_line(const std::string& line) {
    const std::size_t begin = std::min(line.find_first_not_of(kConfigBlanks), line.size());
    const std::size_t end = std::min(line.find_first_of(" \t\r=", begin), line.size());
    NameAndRest parts{line.substr(begin, end - begin), ""};
    for (char& c : parts.name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::size_t rest = line.find_first_not_of(kConfigBlanks, end);
    if (rest != std::string::npos && line[rest] == '=') rest = line.find_first_not_of(kConfigBlanks, rest + 1);
    if (rest != std::string::npos) parts.rest = line.substr(rest);
    return parts;
}

bool sets_one_of_ours(const std::string& line) {
    const std::string name = split_line(line).name;
    return name == kPreload || name == kKeyringFile || name == kDigests;
}

// The folder of an include_dir line, else nothing.
std::string included_folder(const std::string& line) {
    const NameAndRest parts = split_line(line);
    if (parts.name != "include_dir" || parts.rest.empty() || parts.rest[0] != '\'') return "";
    return parts.rest.substr(1, parts.rest.find('\'', 1) - 1);
}

// The new content of our file: lines of others stay, lines of the three settings are replaced.
std::string text_with(const std::optional<std::string>& old, const WantedSettings& wanted) {
    std::string settings;
    if (wanted.preload) settings += setting_line(kPreload, *wanted.preload);
    if (wanted.keyring_file) settings += setting_line(kKeyringFile, *wanted.keyring_file);
    if (wanted.api_key_digests) settings += setting_line(kDigests, *wanted.api_key_digests);
    std::string kept;
    const std::string fresh = kHeader + std::string(wanted.hide_statements ? kStatementLogLines : "");
    for (const std::string& line : lines_of(old.value_or(fresh))) {
        if (!sets_one_of_ours(line)) kept += line + "\n";
    }
    return !old && settings.empty() ? "" : kept + settings;
}

std::string with_include_line(const std::string& text) {
    return text + (text.empty() || text.back() == '\n' ? "" : "\n") + kIncludeLine + "\n";
}

std::string without_include_line(const std::string& text) {
    std::string kept;
    for (const std::string& line : lines_of(text)) {
        if (line != kIncludeLine) kept += line + "\n";
    }
    return text.find(kIncludeLine) == std::string::npos ? text : kept;
}

// Keeps owner, group and mode.
void replace_main(const std::string& path, const std::string& text) {
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) throw errno_error(path, "the file cannot be examined");
    if (status.st_uid != geteuid()) {
        throw program_error(
            path + " belongs to another user than the server's; add this line to it, or take it away, yourself: " +
            kIncludeLine);
    }
    const Folder folder(path, Folder::Link::keep);
    NewFile file = NewFile::beside(folder);
    file.set_ownership({status.st_uid, status.st_gid, status.st_mode & mode_t{07777}});
    file.write(text);
    file.replace();
}

// A list of libraries names caas, plainly or by its path.
bool names_caas(const std::string& libraries) {
    std::istringstream stream(libraries);
    for (std::string name; std::getline(stream, name, ',');) {
        name.erase(std::remove_if(name.begin(), name.end(), [](char c) { return c == '"' || c == ' ' || c == '\t'; }),
                   name.end());
        const std::string file = fs::path(name).filename().string();
        if (file == "caas" || file == "caas.so") return true;
    }
    return false;
}

const ConfigLine* last_line(const ServerState& state, const std::string& name, const std::string& except) {
    const ConfigLine* found = nullptr;
    for (const ConfigLine& line : state.lines) {
        if (line.name == name && (except.empty() || !is_same_file(line.file, except))) found = &line;
    }
    return found;
}

std::string value_of(const ConfigLine* line) { return line != nullptr ? line->value : ""; }

// ALTER SYSTEM and the command line win over every file that we could write.
void check_not_fixed(const ServerState& state, const std::string& name) {
    const auto& fixed = state.command_line;
    if (std::find(fixed.begin(), fixed.end(), name) != fixed.end()) {
        throw program_error("the server's command line sets " + name +
                            ", which overrides every file: take it off there");
    }
    for (const ConfigLine& line : state.lines) {
        if (line.name == name && fs::path(line.file).filename() == "postgresql.auto.conf") {
            std::string message = line.file;
            message.append(" sets ").append(name).append(" and overrides every other file: move the value to ");
            message.append(state.config_file).append(" and run ALTER SYSTEM RESET ").append(name);
            throw program_error(message);
        }
    }
}

}  // namespace

bool is_same_file(const std::string& one, const std::string& other) {
    std::error_code error;
    return fs::weakly_canonical(one, error) == fs::weakly_canonical(other, error) && !error;
}

ConfigPlace find_config_place(const std::string& config_file) {
    const std::string folder = fs::path(config_file).parent_path().string();
    std::error_code error;
    const std::string main = fs::canonical(config_file, error).string();
    if (error) throw program_error(config_file + ": the file cannot be found: " + error.message());
    const std::string text = read_small_file(main).value_or("");
    ConfigPlace place{folder + "/caas.conf", main, true};
    for (const std::string& line : lines_of(text)) {
        const std::string included = included_folder(line);
        if (!included.empty()) {
            fs::path file = fs::path(folder) / included / "caas.conf";  // included alone where it is absolute
            place = {file.string(), main, false};
        }
        if (line == kIncludeLine) place = {folder + "/caas.conf", main, false};
    }
    return place;
}

const ConfigLine* effective_line(const ServerState& state, const std::string& name) {
    return last_line(state, name, "");
}

WantedSettings wanted_settings(const ServerState& state, const ConfigPlace& place, const std::string& keyring,
                               const std::string& digests) {
    WantedSettings wanted;
    const std::string libraries = value_of(last_line(state, kPreload, place.file));
    if (!names_caas(state.shared_preload) && !names_caas(libraries)) {
        wanted.preload = libraries.empty() ? "caas" : libraries + ", caas";
        check_not_fixed(state, kPreload);
    }
    if (value_of(last_line(state, kKeyringFile, place.file)) != keyring) {
        wanted.keyring_file = keyring;
        check_not_fixed(state, kKeyringFile);
    }
    if (value_of(last_line(state, kDigests, place.file)) != digests) {
        wanted.api_key_digests = digests;
        check_not_fixed(state, kDigests);
    }
    wanted.hide_statements = effective_line(state, kStatementLog) == nullptr;
    return wanted;
}

ConfigChange::ConfigChange(ConfigPlace place) : place_(std::move(place)), old_text_(read_small_file(place_.file)) {
    old_main_ = new_main_ = read_small_file(place_.main).value_or("");
}

ConfigChange::ConfigChange(ConfigPlace place, const WantedSettings& wanted) : ConfigChange(std::move(place)) {
    const std::string text = text_with(old_text_, wanted);
    if (old_text_ || !text.empty()) new_text_ = text;
    if (!new_text_) place_.needs_include = false;
    if (place_.needs_include) new_main_ = with_include_line(old_main_);
}

ConfigChange ConfigChange::removal(ConfigPlace place) {
    ConfigChange change(std::move(place));
    change.new_main_ = without_include_line(change.old_main_);
    change.place_.needs_include = change.new_main_ != change.old_main_;
    return change;
}

// A line never includes a missing file: the file is made before the line and removed after it.
void ConfigChange::write() {
    if (new_text_ && new_text_ != old_text_) replace_file(place_.file, *new_text_, kFileMode);
    if (new_main_ != old_main_) replace_main(place_.main, new_main_);
    if (!new_text_ && old_text_ && unlink(place_.file.c_str()) != 0) {
        throw errno_error(place_.file, "the file cannot be removed");
    }
}

void ConfigChange::undo() {
    if (new_main_ != old_main_ && read_small_file(place_.main) == new_main_) replace_main(place_.main, old_main_);
    if (read_small_file(place_.file) == old_text_) return;
    if (old_text_) {
        replace_file(place_.file, *old_text_, kFileMode);
    } else if (unlink(place_.file.c_str()) != 0) {
        throw errno_error(place_.file, "the file cannot be removed");
    }
}

}  // namespace caas::cli
