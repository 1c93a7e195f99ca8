#include "gerve/agent/repository/loose_history.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <deque>
#include <optional>
#include <unordered_set>
#include <vector>

#include "authz/base/fd.h"
#include "authz/model/operation_facts.h"

namespace gerve {
namespace {

constexpr std::size_t most_read = 4096;      // bytes of a file: parents stand at the beginning
constexpr std::size_t most_inflated = 8192;  // bytes of what is made of them
constexpr std::size_t most_parents = 64;

// The beginning of an object, inflated; empty: there is no such file, or it is no such object.
std::string read_beginning(const std::string& objects, std::string_view id) {
    const std::string path = objects + "/" + std::string(id.substr(0, 2)) + "/" + std::string(id.substr(2));
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) return {};
    std::array<unsigned char, most_read> packed{};
    const ssize_t size = ::read(file.get(), packed.data(), packed.size());
    if (size <= 0) return {};
    std::string text(most_inflated, '\0');
    z_stream stream{};
    if (::inflateInit(&stream) != Z_OK) return {};
    stream.next_in = packed.data();
    stream.avail_in = static_cast<uInt>(size);
    stream.next_out = reinterpret_cast<unsigned char*>(text.data());
    stream.avail_out = static_cast<uInt>(text.size());
    const int outcome = ::inflate(&stream, Z_SYNC_FLUSH);
    text.resize(text.size() - stream.avail_out);
    ::inflateEnd(&stream);
    return outcome == Z_OK || outcome == Z_STREAM_END || outcome == Z_BUF_ERROR ? text : std::string();
}

// "commit SIZE\0tree ID\nparent ID\n…": the parents.
std::vector<std::string> parents_in(std::string_view text) {
    constexpr std::string_view parent = "parent ";
    if (!text.starts_with("commit ")) return {};
    text.remove_prefix(std::min(text.size(), text.find('\0')));
    text.remove_prefix(std::min(text.size(), text.find('\n')));  // behind the tree
    std::vector<std::string> parents;
    while (parents.size() < most_parents && text.starts_with('\n')) {
        text.remove_prefix(1);
        if (!text.starts_with(parent)) break;
        text.remove_prefix(parent.size());
        const std::string_view id = text.substr(0, text.find('\n'));
        if (!is_object_id(id)) break;
        parents.emplace_back(id);
        text.remove_prefix(id.size());
    }
    return parents;
}

}  // namespace

bool reaches_over_loose(const std::string& objects, std::string_view tip, std::string_view ancestor,
                        std::size_t most) {
    std::unordered_set<std::string> seen{std::string(tip)};
    std::deque<std::string> next{std::string(tip)};
    for (std::size_t looked_at = 0; looked_at < most && !next.empty(); ++looked_at) {
        const std::string commit = std::move(next.front());
        next.pop_front();
        if (commit == ancestor) return true;
        for (std::string& parent : parents_in(read_beginning(objects, commit))) {
            if (parent == ancestor) return true;
            if (seen.insert(parent).second) next.push_back(std::move(parent));
        }
    }
    return false;
}

}  // namespace gerve
