// A table of texts in aligned columns.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace caas::cli {

class TextTable {
public:
    // A heading that begins with ">" is that of a column of numbers, which is aligned to the right.
    explicit TextTable(std::vector<std::string> headings);
    // Cells become printable here.
    void add(const std::vector<std::string>& cells);
    bool empty() const { return rows_.size() == 1; }
    // The lines, the headings first.
    std::vector<std::string> lines() const;
    std::string text() const;

private:
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace caas::cli
