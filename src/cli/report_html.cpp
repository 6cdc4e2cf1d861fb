// The page of `caas report --html`: nothing is loaded from elsewhere, no script runs, and every text is escaped. The
// policy in its head makes a browser refuse whatever else would get in.
#include "html_text.hpp"
#include "progress_bar.hpp"
#include "report_data.hpp"
#include "table_status.hpp"
#include "terminal_text.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace caas::cli {

namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --back: #fff; --text: #1d2433; --dim: #5b6475; --line: #d9dee8; --shade: #f3f5f9;
  --good: #1a7f4b; --retired: #b7791f; --bad: #c0392b; --unknown: #7a8496; }
@media (prefers-color-scheme: dark) { :root { --back: #14171d; --text: #e6e9f0; --dim: #9aa4b6; --line: #2d3442; --shade: #1c212b;
  --good: #4cc38a; --retired: #e0a84a; --bad: #f2786a; --unknown: #8d97a9; } }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; color: var(--dim); }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 1rem; padding: 0; list-style: none; }
.figures li { background: var(--shade); border-radius: .5rem; padding: .5rem 1rem; } .figures b { display: block; font-size: 1.4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .75rem .35rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th { color: var(--dim); font-weight: 600; } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
svg { width: 10rem; height: .8rem; border-radius: .2rem; background: var(--line); vertical-align: middle; }
.bar { white-space: nowrap; }
.good { color: var(--good); } .retired { color: var(--retired); } .bad { color: var(--bad); } .unknown { color: var(--unknown); }
svg rect { fill: currentColor; }
)css";

struct Cell {
    std::string html;
    const char* style = "";
};

Cell text_cell(const Json& value) { return {html_escaped(printable(cell_of(value)))}; }

Cell number_cell(const Json& value) { return {value.is_null() ? "" : amount_text(number_of(value)), "number"}; }

// A bar from 0 to 1000. Its width is an attribute, since the policy lets no style stand in an element.
std::string bar_of(double fraction, const char* style) {
    const auto width = static_cast<int>(std::lround(std::clamp(std::isnan(fraction) ? 0 : fraction, 0.0, 1.0) * 1000));
    return std::string("<svg class=\"") + style +
           "\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"" +
           std::to_string(width) + "\" height=\"10\"/></svg> " + percent_text(fraction);
}

class HtmlTable {
public:
    // A heading that begins with ">" is that of a column of numbers, which is aligned to the right.
    explicit HtmlTable(const std::vector<const char*>& headings) : html_("<div class=\"scroll\"><table><thead><tr>") {
        for (const std::string_view heading : headings) {
            const bool number = heading.front() == '>';
            html_ += number ? "<th scope=\"col\" class=\"number\">" : "<th scope=\"col\">";
            html_.append(heading.substr(number ? 1 : 0)).append("</th>");
        }
        html_ += "</tr></thead><tbody>\n";
    }
    void add(const std::vector<Cell>& cells) {
        html_ += "<tr>";
        for (const Cell& cell : cells) {
            html_ += *cell.style != '\0' ? std::string("<td class=\"") + cell.style + "\">" : "<td>";
            html_ += cell.html + "</td>";
        }
        html_ += "</tr>\n";
        empty_ = false;
    }
    std::string html(const char* without_rows) const {
        return empty_ ? std::string("<p>") + without_rows + "</p>\n" : html_ + "</tbody></table></div>\n";
    }

private:
    std::string html_;
    bool empty_ = true;
};

Cell state_cell(const Json& row) {
    if (!field(row, "problem").is_null()) return {text_cell(field(row, "problem")).html, "bad"};
    if (field(row, "enabled") == false) return {"disabled", "bad"};
    return {"ok", "good"};
}

std::string columns_html(const Json& columns) {
    HtmlTable table({"Relation", "Column", "Kind", "Id", "Plaintext from", "Declared by", "State"});
    for (const Json& row : columns) {
        const std::string space = cell_of(field(row, "id_namespace"));
        const Json id = cell_of(field(row, "id_column")) + (space.empty() ? "" : "@" + space);
        table.add({text_cell(field(row, "relation")), text_cell(field(row, "target_column")),
                   text_cell(field(row, "kind")), text_cell(id),
                   field(row, "in_place") == true ? Cell{"in place"} : text_cell(field(row, "source_column")),
                   text_cell(field(row, "declared_by")), state_cell(row)});
    }
    return table.html("No column is protected.");
}

std::string column_key(const Json& row) {
    return Json::array({field(row, "relation"), field(row, "column_name"), field(row, "kind")}).dump();
}

const char* style_of_generation(const Json& row) {
    const std::string state = cell_of(field(row, "state"));
    if (field(row, "generation").is_null()) return "unknown";
    return state == "active" ? "good" : state == "retired" ? "retired" : "bad";
}

std::string generations_html(const Json& generations) {
    std::map<std::string, double> totals;
    for (const Json& row : generations) totals[column_key(row)] += static_cast<double>(number_of(field(row, "values")));
    HtmlTable table({"Relation", "Column", "Kind", "Generation", ">Values", "Share", "Remark"});
    for (const Json& row : generations) {
        const double total = totals[column_key(row)];
        const char* style = style_of_generation(row);
        const std::string generation =
            field(row, "generation").is_null()
                ? "unknown"
                : text_cell(field(row, "generation")).html + " " + text_cell(field(row, "state")).html;
        std::string remark = text_cell(field(row, "remark")).html;
        if (field(row, "conclusive") == false) remark.insert(0, remark.empty() ? "not conclusive" : "not conclusive: ");
        table.add(
            {text_cell(field(row, "relation")),
             text_cell(field(row, "column_name")),
             text_cell(field(row, "kind")),
             {generation, style},
             number_cell(field(row, "values")),
             {total > 0 ? bar_of(static_cast<double>(number_of(field(row, "values"))) / total, style) : "", "bar"},
             {remark}});
    }
    return table.html("No value is known.");
}

std::string jobs_html(const Json& jobs) {
    HtmlTable table({"Job", "Relation", ">Part", "State", "Progress", ">Rows", ">Left", ">Conflicts"});
    for (const Json& row : jobs) {
        const bool running = field(row, "state") == "running";
        const Cell left = {running && field(row, "seconds_left").is_number()
                               ? duration_text(field(row, "seconds_left").get<double>())
                               : "",
                           "number"};
        table.add({text_cell(field(row, "job")),
                   text_cell(field(row, "relation")),
                   {text_cell(field(row, "part")).html + "/" + text_cell(field(row, "parts")).html, "number"},
                   text_cell(field(row, "state")),
                   {bar_of(fraction_of(row), field(row, "state") == "interrupted" ? "retired" : "good"), "bar"},
                   number_cell(field(row, "rows_done")),
                   left,
                   number_cell(field(row, "conflicts"))});
    }
    return table.html("No job has run.");
}

std::string findings_html(const Json& findings) {
    HtmlTable table({"Severity", "Object", "Finding", "Remedy"});
    for (const Json& row : findings) {
        const char* style = field(row, "severity") == "error"     ? "bad"
                            : field(row, "severity") == "warning" ? "retired"
                                                                  : "unknown";
        table.add({{text_cell(field(row, "severity")).html, style},
                   text_cell(field(row, "object")),
                   text_cell(field(row, "finding")),
                   text_cell(field(row, "remedy"))});
    }
    return table.html("Nothing was found.");
}

// The source of the style for the page's policy: what is not this very text is not applied.
std::string style_source() {
    std::array<unsigned char, 32> digest{};
    std::array<unsigned char, 45> base64{};
    unsigned length = 0;
    if (EVP_Digest(kStyle.data(), kStyle.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1 ||
        EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size())) < 0) {
        throw program_error("SHA-256 failed");
    }
    return "'sha256-" + std::string(reinterpret_cast<const char*>(base64.data())) + "'";
}

std::string head_html(const ReportData& data) {
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src " +
           style_source() +
           "; base-uri 'none'; form-action 'none'\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"referrer\" content=\"no-referrer\">\n<title>caas: " +
           html_escaped(printable(data.database)) + "</title>\n<style>" + std::string(kStyle) + "</style></head>\n";
}

std::string figure(std::size_t number, const char* singular, const char* plural) {
    return "<li><b>" + std::to_string(number) + "</b>" + (number == 1 ? singular : plural) + "</li>";
}

std::string figures_html(const ReportData& data) {
    std::size_t problems = 0;
    std::size_t running = 0;
    std::size_t errors = 0;
    for (const Json& row : data.columns)
        problems += !field(row, "problem").is_null() || field(row, "enabled") == false ? 1 : 0;
    for (const Json& row : data.jobs) running += field(row, "state") == "running" ? 1 : 0;
    for (const Json& row : data.findings) errors += field(row, "severity") == "error" ? 1 : 0;
    return "<ul class=\"figures\">" + figure(data.columns.size(), "protected column", "protected columns") +
           figure(problems, "column with a problem", "columns with a problem") +
           figure(running, "running job", "running jobs") + figure(errors, "error found", "errors found") + "</ul>\n";
}

std::string section_html(const char* heading, const std::string& content) {
    return std::string("<section><h2>") + heading + "</h2>\n" + content + "</section>\n";
}

}  // namespace

std::string report_html(const ReportData& data) {
    return head_html(data) + "<body><header><h1>" + html_escaped(printable(data.database)) +
           "</h1>\n<p>What caas protects, at " + html_escaped(data.time) + ".</p></header>\n<main>\n" +
           figures_html(data) + section_html("Protected columns", columns_html(data.columns)) +
           section_html("Values by generation", generations_html(data.generations)) +
           section_html("Jobs", jobs_html(data.jobs)) + section_html("Findings", findings_html(data.findings)) +
           "</main></body></html>\n";
}

}  // namespace caas::cli
