#include "gerve/agent/lfs/required_objects.h"

#include "authz/base/text.h"
#include "gerve/agent/lfs/objects.h"
#include "gerve/agent/lfs/places.h"

namespace gerve::lfs {

std::string MissingObjects::told() const {
    constexpr std::size_t longest_name = 200;
    const std::string pointers = count == 1 ? "a Git LFS pointer whose object is"
                                            : std::to_string(count) + " Git LFS pointers whose objects are";
    std::string text = "ERROR: This push contains " + pointers + " not on the server:\n";
    for (const MissingObject& one : named)
        text += "  " + printable(one.file, longest_name) + " (" + one.oid.text() + ")\n";
    if (count > named.size()) text += "  and " + std::to_string(count - named.size()) + " more\n";
    return text + "Run `git lfs push --all REMOTE` in a clone that has them, then push again.\n";
}

Result<MissingObjects> find_missing(const GitReader& reader, const Places& places, std::string_view tips) {
    MissingObjects missing;
    const auto look_at = [&](std::string_view file, std::string_view content) -> Result<void> {
        const auto pointer = parse_pointer(content);
        if (!pointer || pointer->size == 0) return {};
        const auto found = find_object(places, pointer->oid);
        if (!found) return pass_on(found);
        if (*found) return {};
        ++missing.count;
        if (missing.named.size() < MissingObjects::max_named)
            missing.named.push_back({std::string(file), pointer->oid});
        return {};
    };
    // git tells its hook also of commands that it is going to refuse, whose objects may be missing.
    auto read = each_small_blob(reader, {"--ignore-missing", "--stdin", "--not", "--all"}, tips, look_at);
    if (!read) return pass_on(read);
    return missing;
}

}  // namespace gerve::lfs
