#include "gerve/agent/lfs/transfer_process.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "authz/base/enum_names.h"
#include "authz/base/text.h"
#include "authz/os/hardening.h"
#include "gerve/agent/lfs/transfer.h"

namespace gerve::lfs {
namespace {

constexpr int bad_words = 2;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

LockHolder holder_of_environment() {
    const std::string user = variable("GERVE_USER_ID");
    const std::string key = variable("GERVE_KEY");
    if (!user.empty()) return {"user " + user, printable(variable("GERVE_USER"))};
    return {"deploy-key " + printable(key), "deploy key " + printable(key)};
}

std::optional<TransferStart> parse(const std::vector<std::string>& words) {
    if (words.size() != 9) return std::nullopt;
    TransferStart start;
    start.uploads = words[1] == "upload";
    start.repo = words[2];
    start.root = words[3];
    start.directory = words[4];
    std::array<std::uint64_t*, 3> numbers{&start.sizes.repository, &start.sizes.owner, &start.max_object};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto number = parse_decimal(words[6 + i]);
        if (!number) return std::nullopt;
        *numbers[i] = *number;
    }
    const auto layout = find_in<Layout>(layout_names, words[5]);
    if (!layout) return std::nullopt;
    start.layout = *layout;
    return start;
}

// Also where the process runs: as long as it does, the repository is in use, as by git.
Result<Places> enter(const TransferStart& start) {
    auto places = Places::below(start.root, start.directory);
    if (places && ::fchdir(places->repository().get()) != 0) return unavailable(errno_text("cannot enter"));
    return places;
}

int fail_with(const Error& error) {
    // The client reads it: git-lfs shows what comes here.
    const std::string text = error.told.empty() ? "the file server cannot serve it" : error.told;
    std::fprintf(stderr, "git-lfs-transfer: %s\n", printable(text, 1000).c_str());
    return 1;
}

}  // namespace

std::vector<std::string> transfer_arguments(const TransferStart& start) {
    return {std::string(process_word),
            start.uploads ? "upload" : "download",
            start.repo,
            start.root,
            start.directory,
            std::string(name_in(layout_names, start.layout)),
            std::to_string(start.sizes.repository),
            std::to_string(start.sizes.owner),
            std::to_string(start.max_object)};
}

int run_transfer(const std::vector<std::string>& words) {
    const auto start = parse(words);
    if (!start) return bad_words;
    const auto repo = RepoPath::parse(start->repo);
    if (!repo) return bad_words;
    static_cast<void>(harden_process());
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes is an error like others
    auto places = enter(*start);
    if (!places) return fail_with(places.error());
    Room room(start->sizes, start->layout, *repo);
    Transfer transfer({start->uploads, start->max_object, holder_of_environment(), repo->text()},
                      std::move(*places), std::move(room), read_from(STDIN_FILENO), write_to(STDOUT_FILENO));
    const auto end = transfer.run();
    if (!end) return fail_with(end.error());
    return *end == Transfer::End::quit ? 0 : 1;
}

}  // namespace gerve::lfs
