#include "authz/wire/writer.h"

#include <nlohmann/json.hpp>

#include "authz/base/display.h"

namespace gerve::wire {

void Writer::text(std::string_view value, std::size_t most) {
    separate();
    const std::string_view start = value.substr(0, most);
    if (is_plain_json(start)) return append_json_text(out_, start);
    // A byte that is replaced takes three: it is the length of what is read that counts.
    using Json = nlohmann::json;
    const std::string replaced = Json(start).dump(-1, ' ', false, Json::error_handler_t::replace);
    const Json whole = Json::parse(replaced);
    out_ += Json(utf8_prefix(whole.get_ref<const std::string&>(), most)).dump();
}

}  // namespace gerve::wire
