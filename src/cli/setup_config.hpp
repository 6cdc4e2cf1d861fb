// The configuration file of `caas setup`, caas.conf: its place, its content, and how it is changed and restored.
#pragma once
#include "setup_server.hpp"

#include <optional>
#include <string>

namespace caas::cli {

struct ConfigPlace {
    std::string file;    // "conf.d/caas.conf" beside postgresql.conf, or "caas.conf" where there is no include_dir
    std::string main;    // postgresql.conf without symbolic links
    bool needs_include;  // main has no line that includes file
};

// The server and this program may write one path in two ways.
bool is_same_file(const std::string& one, const std::string& other);

ConfigPlace find_config_place(const std::string& config_file);

// The values of the three settings in our file; empty where another file sets the right value.
struct WantedSettings {
    std::optional<std::string> preload;
    std::optional<std::string> keyring_file;
    std::optional<std::string> api_key_digests;
    bool hide_statements = false;  // a new file also keeps the text of failing statements out of the log
};

// The last line of a setting in all files, which is the one that counts; null when there is none.
const ConfigLine* effective_line(const ServerState& state, const std::string& name);

// digests is the complete new list. Throws when ALTER SYSTEM or the command line sets one of the settings to another
// value.
WantedSettings wanted_settings(const ServerState& state, const ConfigPlace& place, const std::string& keyring,
                               const std::string& digests);

// A change of our file and of the line that includes it. It takes effect at the next reload.
class ConfigChange {
public:
    ConfigChange(ConfigPlace place, const WantedSettings& wanted);
    // Removes our file and the line.
    static ConfigChange removal(ConfigPlace place);

    bool changes_anything() const { return new_text_ != old_text_ || place_.needs_include; }
    bool file_exists() const { return old_text_.has_value(); }
    void write();
    void undo();

private:
    explicit ConfigChange(ConfigPlace place);

    ConfigPlace place_;
    std::optional<std::string> old_text_, new_text_;  // of our file
    std::string old_main_, new_main_;
};

}  // namespace caas::cli
