#include "gerve/cli/check_line.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "gerve/cli/command.h"
#include "gerve/cli/output.h"

namespace gerve {

CheckLine good_line(std::string what, std::string told) {
    return {std::move(what), std::move(told), 0};
}

CheckLine bad_line(std::string what, std::string told) {
    return {std::move(what), std::move(told), refused_status};
}

int print_checks(const std::vector<CheckLine>& lines, bool json) {
    Json out = Json::array();
    Table table({"", "WHAT", "FOUND"});
    int status = 0;
    for (const CheckLine& line : lines) {
        const char* word = line.status == 0 ? "OK" : "FAIL";
        out.push_back({{"result", word}, {"what", line.what}, {"found", line.told}});
        table.add({word, one_line(line.what), one_line(line.told)});
        status = std::max(status, line.status);
    }
    json ? print_json(out) : table.print("");
    return status;
}

}  // namespace gerve
