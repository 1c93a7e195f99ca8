// The command that an SSH client asks to run, and the one environment variable it may set.
#include "authz/model/git_command.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzz::text_of(data, size);
    if (const auto command = parse_git_command(input)) {
        require(command->service != Service::admin, "no client asks for the admin service");
        const ServiceRow& row = *find_row(command->service);
        const std::string repo = command->repo.text();
        std::string plain = std::string(row.name) + " '" + repo + "'";
        if (!row.lfs.empty()) plain = "git-lfs-transfer " + repo + " " + std::string(row.lfs);
        if (row.kind == RepositoryKind::hg) plain = "hg -R " + repo + " serve --stdio";
        const auto again = parse_git_command(plain);
        require(again && again->service == command->service && again->repo == command->repo,
                "a command means the same when it is written plainly");
        require(plain.find_first_of(";&|$`\\\"<>(){}*?~!#\n") == std::string::npos,
                "nothing for a shell to see");
    } else {
        require(command.error().kind == ErrorKind::client || command.error().kind == ErrorKind::denied,
                "a bad command is the client's fault");
        fuzz::require_one_clean_line(command.error().told);
        fuzz::require_one_clean_line(command.error().detail);
    }
    if (const auto question = parse_self_question(input); question && *question) {
        require(!parse_git_command(input), "no question about the key is a git command");
        std::string plain((*question)->name());
        if ((*question)->repo) plain += " " + (*question)->repo->text() + ((*question)->push ? " push" : "");
        const auto again = parse_self_question(plain);
        require(again && *again && (*again)->kind == (*question)->kind &&
                    (*again)->repo == (*question)->repo && (*again)->push == (*question)->push,
                "a question means the same when it is written plainly");
        require((*question)->repo.has_value() == ((*question)->kind == SelfQuestion::Kind::why),
                "of a repository alone is asked why");
    } else if (!question) {
        require(question.error().kind == ErrorKind::denied, "a path that cannot be is a missing repository");
        fuzz::require_one_clean_line(question.error().told);
        fuzz::require_one_clean_line(question.error().detail);
    }
    if (const auto protocol = GitProtocol::parse(input))
        require(protocol->text() == input, "passed as it is");
    return 0;
}
