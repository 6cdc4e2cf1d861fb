#include "doctor_nodes.hpp"

#include "table_status.hpp"
#include "terminal_text.hpp"

#include <map>

namespace caas::cli {

namespace {

struct StateOfGeneration {
    std::string state;
    std::string check_value;
};
using Generations = std::map<std::int64_t, StateOfGeneration>;

struct NodeReport {
    std::string object;
    Json& findings;
    void add(const char* severity, const std::string& finding, const std::string& remedy) const {
        findings.push_back(Json{{"severity", severity}, {"object", object}, {"finding", finding}, {"remedy", remedy}});
    }
};

// The parts of a connection string that name the node; the others may hold a password.
std::string name_of(const std::string& connection) {
    const ConninfoPtr parsed = parse_connection(connection);
    if (parsed == nullptr) return connection;
    std::string name;
    for (const PQconninfoOption* one = parsed.get(); one->keyword != nullptr; one++) {
        const std::string_view keyword = one->keyword;
        const bool names = keyword == "service" || keyword == "host" || keyword == "hostaddr" || keyword == "port" ||
                           keyword == "dbname";
        if (names && one->val != nullptr) name.append(name.empty() ? "" : " ").append(one->val);
    }
    return name;
}

Generations generations_of(Database& database) {
    Generations generations;
    for (const Json& row :
         database.rows("SELECT generation, state, check_value FROM " + database.schema() + "caas_keyring()")) {
        generations[number_of(field(row, "generation"))] = {cell_of(field(row, "state")),
                                                            cell_of(field(row, "check_value"))};
    }
    return generations;
}

void compare(const Generations& here, const Generations& there, const NodeReport& report) {
    constexpr const char* kBring = "Bring the same keyring file to both, and call pg_reload_conf() there.";
    for (const auto& [number, mine] : here) {
        const auto found = there.find(number);
        const std::string generation = "generation " + std::to_string(number);
        if (found == there.end()) {
            report.add("error", "it has no " + generation + ": values of it do not verify there", kBring);
        } else if (found->second.check_value != mine.check_value) {
            report.add("error",
                       "its " + generation + " has another secret: the check value is " +
                           printable(found->second.check_value) + ", here it is " + printable(mine.check_value),
                       kBring);
        } else if (found->second.state != mine.state) {
            report.add(
                "warning",
                "its " + generation + " is " + printable(found->second.state) + ", here it is " + printable(mine.state),
                "Finish the rotation: activate the same generation everywhere.");
        }
    }
    for (const auto& [number, theirs] : there) {
        if (here.count(number) == 0) {
            report.add("error", "it has generation " + std::to_string(number) + ", which is missing here", kBring);
        }
    }
}

}  // namespace

Json findings_of_nodes(Database& here, const std::vector<std::string>& nodes) {
    Json findings = Json::array();
    if (nodes.empty()) return findings;
    const Generations mine = generations_of(here);
    for (std::size_t i = 0; i < nodes.size(); i++) {
        NodeReport report{"node " + std::to_string(i + 1), findings};
        try {
            const std::string name = printable(name_of(nodes[i]));
            if (!name.empty()) report.object = "node " + name;
            Database node = Database::connect_to_node(nodes[i]);
            compare(mine, generations_of(node), report);
        } catch (const ProgramError& error) {
            report.add("error", std::string("cannot ask it: ") + error.what(), "Call caas_doctor() there.");
        } catch (const Json::exception&) {
            report.add("error", "cannot ask it: its answer is not understood", "Call caas_doctor() there.");
        }
    }
    return findings;
}

}  // namespace caas::cli
