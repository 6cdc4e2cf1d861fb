#include "setup_target.hpp"

#include "command.hpp"
#include "setup_files.hpp"
#include "setup_program.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace caas::cli {

namespace {

namespace fs = std::filesystem;

// "15/main", as pg_lsclusters shows it.
struct ClusterName {
    std::string version;
    std::string name;
};

ClusterName parse_cluster(const std::string& text) {
    const std::size_t slash = text.find('/');
    ClusterName cluster{text.substr(0, slash), slash == std::string::npos ? "" : text.substr(slash + 1)};
    const auto version_char = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    const bool valid = !cluster.version.empty() && cluster.version[0] != '.' &&
                       std::all_of(cluster.version.begin(), cluster.version.end(), version_char) &&
                       !cluster.name.empty() && cluster.name[0] != '.' && cluster.name.find('/') == std::string::npos;
    if (!valid) throw usage_error("--cluster: it is not of the form VERSION/NAME, such as 15/main");
    return cluster;
}

// postgresql-common's tools read the same variable.
std::string cluster_folder(const ClusterName& cluster) {
    const char* root = std::getenv("PG_CLUSTER_CONF_ROOT");
    return std::string(root != nullptr ? root : "/etc/postgresql") + "/" + cluster.version + "/" + cluster.name;
}

OwnerAccount owner_of(const std::string& folder, const std::string& missing) {
    struct stat status = {};
    if (stat(folder.c_str(), &status) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) throw program_error(missing);
        throw errno_error(folder, "the folder cannot be examined");
    }
    if (!S_ISDIR(status.st_mode)) throw program_error(folder + " is not a folder");
    if (status.st_uid == 0) throw program_error(folder + " belongs to root, and no PostgreSQL server runs as root");
    const passwd* entry = getpwuid(status.st_uid);
    if (entry == nullptr)
        throw program_error(folder + " belongs to user " + std::to_string(status.st_uid) + ", who is unknown");
    return {entry->pw_name, entry->pw_dir, entry->pw_uid, entry->pw_gid};
}

void become(const OwnerAccount& owner) {
    if (geteuid() != 0 && geteuid() != owner.user) {
        throw program_error("only root and the server's user, " + owner.name + ", can set caas up: use sudo");
    }
    if (geteuid() == 0 &&
        (initgroups(owner.name.c_str(), owner.group) != 0 || setresgid(owner.group, owner.group, owner.group) != 0 ||
         setresuid(owner.user, owner.user, owner.user) != 0)) {
        throw errno_error(owner.name, "root cannot become this user");
    }
    // A change of user can turn core dumps on again. The new user may not enter the caller's folder.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) throw program_error("core dumps cannot be turned off");
    if (chdir("/") != 0) throw errno_error("/", "the folder cannot be entered");
    (void)umask(S_IRWXG | S_IRWXO);
}

std::string chomp(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

// The server's own program resolves includes and relative paths.
std::string configured_data_directory(const std::string& bin, const std::string& folder) {
    const ProgramEnd end = run_program({bin + "/postgres", "-C", "data_directory", "-D", folder}, {"LC_ALL=C"}, "");
    if (end.exit_code != 0)
        throw program_error(folder + ": the server's program cannot read this configuration: " + chomp(end.err));
    return chomp(end.out);
}

std::string canonical_folder(const std::string& folder) {
    std::error_code error;
    const fs::path canonical = fs::canonical(folder, error);
    if (error) throw program_error(folder + ": the data directory cannot be entered: " + error.message());
    return canonical.string();
}

// The packaged psql of the server's version, else the one in PATH.
std::string psql_for(const std::string& version) {
    const std::string packaged = "/usr/lib/postgresql/" + version + "/bin/psql";
    return access(packaged.c_str(), X_OK) == 0 ? packaged : "psql";
}

int parse_port(const std::string& text) {
    int port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    return problem == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535 ? port : 0;
}

// Lines of postmaster.pid: process id, data directory, start time, port, socket folder, address.
void find_server(const SetupOptions& options, const std::string& start, SetupTarget& target) {
    const auto text = read_small_file(target.data_directory + "/postmaster.pid");
    if (!text) throw program_error(target.described + " does not run; start it first: " + start);
    std::vector<std::string> lines;
    std::istringstream stream(*text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    lines.resize(std::max<std::size_t>(lines.size(), 5));
    target.port = options.port.value_or(parse_port(lines[3]));
    target.socket_folder = options.host.value_or(lines[4]);
    if (target.port == 0) throw program_error(target.data_directory + "/postmaster.pid names no port; give --port");
    if (target.socket_folder.empty()) {
        throw program_error(target.described + " has no Unix socket: set unix_socket_directories and restart it");
    }
    if (target.socket_folder[0] != '/') target.socket_folder = target.data_directory + "/" + target.socket_folder;
}

SetupTarget find_cluster(const SetupOptions& options) {
    const ClusterName cluster = parse_cluster(*options.cluster);
    const std::string folder = cluster_folder(cluster);
    SetupTarget target{};
    target.described = "cluster " + *options.cluster;
    target.option = "--cluster " + *options.cluster;
    target.keyring_name = cluster.version + "-" + cluster.name;
    target.owner = owner_of(folder, "there is no cluster " + *options.cluster + "; pg_lsclusters shows those that are");
    become(target.owner);
    const std::string bin = "/usr/lib/postgresql/" + cluster.version + "/bin";
    target.psql = psql_for(cluster.version);
    target.data_directory = canonical_folder(configured_data_directory(bin, folder));
    find_server(options, "pg_ctlcluster " + cluster.version + " " + cluster.name + " start", target);
    return target;
}

SetupTarget find_data_directory(const SetupOptions& options) {
    SetupTarget target{};
    const std::string folder = fs::absolute(*options.pgdata).lexically_normal().string();
    target.described = "the server in " + folder;
    target.option = "--pgdata " + folder;
    target.owner = owner_of(folder, folder + ": there is no such folder");
    become(target.owner);
    target.data_directory = canonical_folder(folder);
    const auto version = read_small_file(target.data_directory + "/PG_VERSION");
    if (!version) throw program_error(folder + " is not a data directory: it has no file PG_VERSION");
    target.psql = psql_for(chomp(*version));
    find_server(options, "pg_ctl -D '" + folder + "' start", target);
    return target;
}

}  // namespace

SetupTarget find_setup_target(const SetupOptions& options) {
    return options.cluster ? find_cluster(options) : find_data_directory(options);
}

}  // namespace caas::cli
