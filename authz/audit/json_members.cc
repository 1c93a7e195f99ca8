#include "authz/audit/json_members.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gerve {

void append_json_text(std::string& out, std::string_view text) {
    const bool plain = std::all_of(text.begin(), text.end(),
                                   [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
    if (!plain) {
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
