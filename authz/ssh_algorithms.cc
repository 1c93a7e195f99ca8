#include "authz/ssh_algorithms.h"

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {

std::vector<std::string> read_algorithms(TomlTable& table, std::string_view key,
                                         std::span<const std::string_view> known) {
    std::vector<std::string> names = table.texts(key);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (std::find(known.begin(), known.end(), names[i]) != known.end()) continue;
        table.complain(key, i,
                       "contains \"" + printable(names[i], 80) + "\", which is unknown; the known ones are " +
                           join({known.begin(), known.end()}, ", "));
    }
    return names;
}

}  // namespace gerve
