#include "text_table.hpp"

#include "terminal_text.hpp"

#include <algorithm>
#include <utility>

namespace caas::cli {

TextTable::TextTable(std::vector<std::string> headings) {
    for (std::string& heading : headings) {
        right_.push_back(!heading.empty() && heading.front() == '>');
        if (right_.back()) heading.erase(0, 1);
    }
    rows_.push_back(std::move(headings));
}

void TextTable::add(const std::vector<std::string>& cells) {
    std::vector<std::string> row;
    row.reserve(right_.size());
    for (const std::string& cell : cells) row.push_back(printable(cell));
    row.resize(right_.size());
    rows_.push_back(std::move(row));
}

std::vector<std::string> TextTable::lines() const {
    std::vector<std::size_t> widths(right_.size());
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); i++) widths[i] = std::max(widths[i], columns_of(row[i]));
    }
    std::vector<std::string> lines;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); i++) {
            const std::string pad(widths[i] - columns_of(row[i]), ' ');
            line += right_[i] ? pad + row[i] : row[i] + pad;
            if (i + 1 < row.size()) line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        lines.push_back(std::move(line));
    }
    return lines;
}

std::string TextTable::text() const {
    std::string text;
    for (const std::string& line : lines()) text += line + "\n";
    return text;
}

}  // namespace caas::cli
