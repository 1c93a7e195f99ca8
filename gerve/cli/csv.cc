#include "gerve/cli/csv.h"

#include <cstdio>

#include "authz/base/display.h"
#include "gerve/cli/command.h"

namespace gerve {

std::string csv_cell(std::string_view text) {
    std::string cell = displayed(text);
    if (cell.find_first_of("=+-@") == 0) cell.insert(0, 1, '\'');
    if (cell.find_first_of(",\"") == std::string::npos) return cell;
    std::string quoted = "\"";
    for (const char c : cell) quoted.append(c == '"' ? 2 : 1, c);
    return quoted + '"';
}

std::string csv_line(const std::vector<std::string>& cells) {
    std::string line;
    for (const std::string& cell : cells) line += (&cell == cells.data() ? "" : ",") + csv_cell(cell);
    return line + "\r\n";
}

void refuse_two_forms(bool json, bool csv) {
    if (json && csv) throw Stop{usage_status, "--json cannot be combined with --csv"};
}

void print_csv_line(const std::vector<std::string>& cells) {
    const std::string line = csv_line(cells);
    std::fwrite(line.data(), 1, line.size(), stdout);
}

}  // namespace gerve
