// The first packet of a git:// client. What parses names a repository that an SSH command names as well, by
// the same path; and nothing that is told has more than one line.
#include "gerve/worker/git_request.h"

#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::text_of(data, size);
    if (size < git_request_header) return 0;
    const auto whole = git_request_size(bytes.substr(0, git_request_header));
    if (!whole) {
        fuzz::require_one_clean_line(whole.error().told);
        return 0;
    }
    require(*whole > git_request_header && *whole <= max_git_request, "a packet is bounded");
    if (size < *whole) return 0;
    const auto request = parse_git_request(bytes.substr(0, *whole));
    if (!request) {
        fuzz::require_one_clean_line(request.error().told);
        return 0;
    }
    const auto command = parse_git_command("git-upload-pack '" + request->repo.text() + "'");
    require(command && command->repo == request->repo, "SSH knows the repository by the same name");
    require(request->git_protocol.empty() || GitProtocol::parse(request->git_protocol),
            "of the protocol's grammar");
    return 0;
}
