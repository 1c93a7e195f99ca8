#include "gerve/agent/lfs/git_reader.h"

#include <optional>

#include "authz/base/text.h"
#include "gerve/agent/lfs/pointers.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_run.h"

namespace gerve::lfs {
namespace {

constexpr std::size_t longest_complaint = 4096;

// How many blobs one git cat-file reads; all of them are in memory at once.
constexpr std::size_t blobs_at_once = 900;

// More than blobs_at_once blobs have, with a line in front of each.
constexpr std::size_t longest_answer = 2 << 20;

// What comes in pieces, as lines.
class LineSplitter {
  public:
    explicit LineSplitter(const OnLine& on_line) : on_line_(on_line) {}

    Result<void> take(std::string_view bytes) {
        for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
            keep(bytes.substr(0, end));
            bytes.remove_prefix(end + 1);
            auto taken = on_line_(line_);
            line_.clear();
            if (!taken) return taken;
        }
        keep(bytes);
        return {};
    }

  private:
    void keep(std::string_view bytes) { line_ += bytes.substr(0, max_line - line_.size()); }

    const OnLine& on_line_;
    std::string line_;
};

// Hands over what git writes to its standard output as it comes. What it says beside that is not mixed in: it
// may complain (of an alternate that is gone) and succeed.
Result<void> each_piece(const GitReader& reader, const std::vector<std::string>& arguments,
                        std::string_view input, const OnPiece& on_piece) {
    GitStart start{reader.program, {"--no-replace-objects"}, reader.environment};
    for (const auto* more : {&reader.front, &arguments})
        start.arguments.insert(start.arguments.end(), more->begin(), more->end());
    start.own_group = reader.own_group;
    auto git = GitProcess::start(start);
    if (!git) return pass_on(git);
    std::string errors;
    const auto keep = [&errors](std::string_view piece) -> Result<void> {
        errors += piece.substr(0, longest_complaint - errors.size());
        return {};
    };
    if (auto read = exchange_with(*git, input, no_deadline, on_piece, keep); !read) return read;
    const GitEnd end = git->reap();
    if (end.code != 0 || end.signal != 0) return internal_error("git failed: " + printable(trim(errors)));
    return {};
}

// The blobs that git rev-list lists, read a group at a time.
class BlobGroups {
  public:
    BlobGroups(const GitReader& reader, const OnBlob& on_blob) : reader_(reader), on_blob_(on_blob) {}

    // "ID PATH" or "ID".
    Result<void> take(std::string_view line) {
        const auto space = line.find(' ');
        ids_.append(line.substr(0, space)).append("\n");
        paths_.emplace_back(space == std::string_view::npos ? "" : line.substr(space + 1));
        return paths_.size() < blobs_at_once ? Result<void>() : read();
    }

    Result<void> read() {
        if (paths_.empty()) return {};
        std::string answer;
        auto done = each_piece(reader_, {"cat-file", "--batch", "--buffer"}, ids_,
                               [&answer](std::string_view piece) -> Result<void> {
                                   answer += piece;
                                   if (answer.size() <= longest_answer) return {};
                                   return internal_error("git cat-file: too much output");
                               });
        if (done) done = hand_over(answer);
        ids_.clear();
        paths_.clear();
        return done;
    }

  private:
    // "ID blob SIZE", the blob, and a line feed, for each.
    Result<void> hand_over(std::string_view answer) {
        for (const std::string& path : paths_) {
            const auto end = answer.find('\n');
            const auto words = split(answer.substr(0, end), ' ');
            const auto size = words.size() == 3 ? parse_decimal(words[2]) : std::nullopt;
            if (end == std::string_view::npos || !size || words[1] != "blob" ||
                answer.size() < end + 2 + *size)
                return internal_error("git cat-file: unexpected output");
            if (auto taken = on_blob_(path, answer.substr(end + 1, *size)); !taken) return taken;
            answer.remove_prefix(end + 2 + *size);
        }
        return {};
    }

    const GitReader& reader_;
    const OnBlob& on_blob_;
    std::string ids_;  // a line each
    std::vector<std::string> paths_;
};

}  // namespace

GitReader GitReader::of(const GitPlace& place) {
    return {place.git, {"--git-dir=" + place.path}, plain_git_environment(place.path)};
}

Result<void> each_line(const GitReader& reader, const std::vector<std::string>& arguments,
                       std::string_view input, const OnLine& on_line) {
    LineSplitter lines(on_line);
    return each_piece(reader, arguments, input, [&](std::string_view piece) { return lines.take(piece); });
}

Result<void> each_small_blob(const GitReader& reader, const std::vector<std::string>& arguments,
                             std::string_view input, const OnBlob& on_blob) {
    std::vector<std::string> words{
        "rev-list", "--objects",
        "--filter=combine:object:type=blob+blob:limit=" + std::to_string(max_pointer),
        "--filter-provided-objects"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    BlobGroups groups(reader, on_blob);
    auto read =
        each_line(reader, words, input, [&groups](std::string_view line) { return groups.take(line); });
    return read ? groups.read() : read;
}

}  // namespace gerve::lfs
