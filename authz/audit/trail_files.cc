// The files of a trail as they lie on disk: which they are, in what order, and where each ends.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "authz/audit/trail.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr off_t first_window = 64 * 1024;  // bytes read from a file's end; more when no line is in there
constexpr std::size_t longest_first_line = 16 * 1024;

Result<std::string> read_range(int file, off_t from, off_t to) {
    std::string bytes(static_cast<std::size_t>(to - from), '\0');
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got =
            ::pread(file, bytes.data() + have, bytes.size() - have, from + static_cast<off_t>(have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return internal_error(errno_text("cannot read the audit file"));
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
}

// The last line in `bytes`, which begin with a line if `from_start`. A line that lacks nothing but its
// newline is left to the next writer as torn.
std::optional<TrailEnd> last_line_in(std::string_view bytes, bool from_start) {
    std::size_t end = bytes.rfind('\n');
    while (end != std::string_view::npos) {
        const std::size_t before = end == 0 ? std::string_view::npos : bytes.rfind('\n', end - 1);
        if (before == std::string_view::npos && !from_start) return std::nullopt;
        const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
        if (auto line = parse_line(bytes.substr(start, end - start)))
            return TrailEnd{std::move(line->head), std::string(bytes.substr(end + 1))};
        end = before;
    }
    return std::nullopt;
}

std::optional<TrailHead> first_line_of(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    const auto bytes = read_range(file.get(), 0, std::min<off_t>(status.st_size, longest_first_line));
    if (!bytes) return std::nullopt;
    // A crash may have torn the first one.
    for (const std::string_view text : split(*bytes, '\n')) {
        if (auto line = parse_line(text)) return std::move(line->head);
    }
    return std::nullopt;
}

// Empty: there is no such file, or nothing in it.
std::string last_bytes_of(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    return read_range(file.get(), std::max<off_t>(status.st_size - first_window, 0), status.st_size)
        .value_or("");
}

struct Found {
    std::string path;
    TrailHead first;
    std::filesystem::file_time_type written;
};

// Chains by when they were last written to, the files of one by their numbers.
void sort_files(std::vector<Found>& files) {
    const auto last_of = [&](const std::string& chain) {
        auto latest = std::filesystem::file_time_type::min();
        for (const Found& one : files) {
            if (one.first.chain == chain) latest = std::max(latest, one.written);
        }
        return latest;
    };
    std::vector<std::pair<std::filesystem::file_time_type, Found>> dated;
    for (const Found& one : files) dated.emplace_back(last_of(one.first.chain), one);
    std::sort(dated.begin(), dated.end(), [](const auto& a, const auto& b) {
        if (a.second.first.chain == b.second.first.chain) return a.second.first.seq < b.second.first.seq;
        return a.first != b.first ? a.first < b.first : a.second.first.chain < b.second.first.chain;
    });
    files.clear();
    for (auto& [when, one] : dated) files.push_back(std::move(one));
}

}  // namespace

bool is_trail(const std::string& file) {
    return read_head_record(file) || !list_trail_files(file).empty();
}

// Of a chain whose events were all altered nothing fits either; `gerve audit verify` says so.
bool key_fits(const ChainKey& key, const std::string& file) {
    std::string bytes = last_bytes_of(file);
    const auto before = list_trail_files(file);
    if (bytes.empty() && read_head_record(file) && !before.empty()) bytes = last_bytes_of(before.back());
    std::optional<TrailLine> previous;
    bool compared = false;
    for (const std::string_view text : split(bytes, '\n')) {
        auto line = parse_line(text);
        const auto note = line ? parse_note(text) : std::nullopt;
        std::string mac;
        if (line && previous && previous->head.chain == line->head.chain &&
            previous->head.seq + 1 == line->head.seq)
            mac = previous->head.mac;
        else if (line && note && line->head.seq == 1)
            mac = first_mac();
        else if (note && note->what == "continues")
            mac = note->before.mac;
        if (!mac.empty() && key.mac(mac, line->body) == line->head.mac) return true;
        compared = compared || !mac.empty();
        previous = std::move(line);
    }
    return !compared;
}

TrailHead last_head_beside(const std::string& file) {
    for (auto files = list_trail_files(file); !files.empty(); files.pop_back()) {
        if (files.back() == file) continue;
        const Fd opened(::open(files.back().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        struct stat status {};
        if (!opened || ::fstat(opened.get(), &status) != 0) continue;
        if (auto end = find_trail_end(opened.get(), status.st_size); end && *end) return (*end)->head;
    }
    return {};
}

Result<std::optional<TrailEnd>> find_trail_end(int file, off_t size) {
    for (off_t window = first_window;; window *= 4) {
        const off_t from = size > window ? size - window : 0;
        const auto bytes = read_range(file, from, size);
        if (!bytes) return pass_on(bytes);
        auto end = last_line_in(*bytes, from == 0);
        if (end || from == 0) return end;
    }
}

std::vector<std::string> list_trail_files(const std::string& file) {
    const std::filesystem::path path(file);
    const std::string name = path.filename().string();
    std::vector<Found> files;
    std::error_code failed;
    std::filesystem::directory_iterator entries(path.has_parent_path() ? path.parent_path() : ".", failed);
    for (; !failed && entries != std::filesystem::directory_iterator(); entries.increment(failed)) {
        const std::string entry = entries->path().filename().string();
        if (!entry.starts_with(name)) continue;
        if (entry != name && entry[name.size()] != '.' && entry[name.size()] != '-') continue;
        auto first = first_line_of(entries->path().string());
        if (!first) continue;
        std::error_code untold;
        const auto written = std::filesystem::last_write_time(entries->path(), untold);
        files.push_back({entries->path().string(), std::move(*first), written});
    }
    sort_files(files);
    std::vector<std::string> paths;
    for (Found& one : files) paths.push_back(std::move(one.path));
    return paths;
}

}  // namespace gerve
