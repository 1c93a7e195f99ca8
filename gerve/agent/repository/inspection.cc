#include "gerve/agent/repository/inspection.h"

#include <nlohmann/json.hpp>

#include "authz/base/text.h"

namespace gerve {
namespace {

using InspectionJson = nlohmann::ordered_json;

constexpr auto replace_bytes = InspectionJson::error_handler_t::replace;

Inspection read_inspection(const InspectionJson& json) {
    Inspection found;
    found.directory = json.at("directory").get<std::string>();
    found.name = json.value("name", "");
    found.filed_as = json.value("filed_as", "");
    found.in_place = json.value("in_place", false);
    found.owner = json.value("owner", "");
    found.head = json.value("head", "");
    found.object_format = json.value("object_format", "");
    found.bytes = json.value("bytes", std::uint64_t{0});
    found.hooks = json.value("hooks", std::vector<std::string>());
    found.notes = json.value("notes", std::vector<std::string>());
    // An answer without it has not looked.
    found.refusals = json.at("refusals").get<std::vector<std::string>>();
    return found;
}

Result<InspectionJson> read_line(std::string_view line) {
    auto json = InspectionJson::parse(line, nullptr, false);
    if (!json.is_object()) return client_error("not a JSON object: " + printable(line));
    return json;
}

}  // namespace

std::string Inspection::text() const {
    const InspectionJson json{{"directory", directory},
                              {"name", name},
                              {"filed_as", filed_as},
                              {"in_place", in_place},
                              {"owner", owner},
                              {"head", head},
                              {"object_format", object_format},
                              {"bytes", bytes},
                              {"hooks", hooks},
                              {"notes", notes},
                              {"refusals", refusals}};
    return json.dump(-1, ' ', false, replace_bytes);
}

void Inspection::shorten(std::size_t most) {
    while (text().size() > most) {
        if (!notes.empty())
            notes.pop_back();
        else if (!hooks.empty())
            hooks.pop_back();
        else if (refusals.size() > 1)
            refusals.pop_back();
        else
            return;
    }
}

Result<Inspection> Inspection::parse(std::string_view line) {
    const auto json = read_line(line);
    if (!json) return pass_on(json);
    try {
        return read_inspection(*json);
    } catch (const InspectionJson::exception& error) {
        return client_error(std::string("not an inspection: ") + error.what());
    }
}

std::string TreePage::text() const {
    std::string lines;
    for (const Inspection& one : found) lines += one.text() + "\n";
    return lines + InspectionJson{{"next", next}}.dump();
}

Result<TreePage> TreePage::parse(std::string_view text) {
    TreePage page;
    auto lines = split(trim(text), '\n');
    const auto last = read_line(lines.back());
    if (!last) return pass_on(last);
    if (!last->contains("next") || !last->at("next").is_string())
        return client_error("the list of repositories is not whole");
    page.next = last->at("next").get<std::string>();
    lines.pop_back();
    for (const std::string_view line : lines) {
        auto found = Inspection::parse(line);
        if (!found) return pass_on(found);
        page.found.push_back(std::move(*found));
    }
    return page;
}

}  // namespace gerve
