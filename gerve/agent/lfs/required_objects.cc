#include "gerve/agent/lfs/required_objects.h"

#include "authz/base/text.h"
#include "gerve/agent/lfs/objects.h"
#include "gerve/agent/lfs/places.h"

namespace gerve::lfs {
namespace {

// Blobs that may be pointers, a group at a time.
class PointerSearch {
  public:
    PointerSearch(const GitReader& reader, const Places& places) : reader_(reader), places_(places) {}

    // "ID PATH", as `git rev-list --objects` writes it.
    Result<void> take(std::string_view line) {
        const auto space = line.find(' ');
        ids_.emplace_back(line.substr(0, space));
        files_.emplace_back(space == std::string_view::npos ? "" : line.substr(space + 1));
        return ids_.size() < blobs_at_once ? Result<void>() : read();
    }

    Result<void> read() {
        auto done = each_blob(reader_, ids_, [this](std::size_t index, std::string_view content) {
            return look_at(files_.at(index), content);
        });
        ids_.clear();
        files_.clear();
        return done;
    }

    MissingObjects missing;

  private:
    Result<void> look_at(const std::string& file, std::string_view content) {
        const auto pointer = parse_pointer(content);
        if (!pointer || pointer->size == 0) return {};
        const auto found = find_object(places_, pointer->oid);
        if (!found) return pass_on(found);
        if (*found) return {};
        ++missing.count;
        if (missing.named.size() < MissingObjects::max_named) missing.named.push_back({file, pointer->oid});
        return {};
    }

    const GitReader& reader_;
    const Places& places_;
    std::vector<std::string> ids_;
    std::vector<std::string> files_;
};

}  // namespace

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
    PointerSearch search(reader, places);
    // git tells its hook of commands that it is going to refuse as well, whose objects need not be there.
    std::vector<std::string> arguments{"rev-list", "--ignore-missing", "--objects", "--stdin", "--not",
                                       "--all"};
    const auto filter = small_blobs_only();
    arguments.insert(arguments.end(), filter.begin(), filter.end());
    auto read = each_line(reader, std::move(arguments), tips,
                          [&search](std::string_view line) { return search.take(line); });
    if (read) read = search.read();
    if (!read) return pass_on(read);
    return std::move(search.missing);
}

}  // namespace gerve::lfs
