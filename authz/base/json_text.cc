#include "authz/base/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gerve {

bool is_plain_json(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

void append_json_text(std::string& out, std::string_view text) {
    if (!is_plain_json(text)) {
        // As strict as the library is about UTF-8, and no faster: it is rare. Whatever is not ASCII is
        // escaped, DEL with it: some of it means something to terminals, or turns the order of what is read.
        out += nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
        return;
    }
    out += '"';
    out += text;
    out += '"';
}

}  // namespace gerve
