// gerve.toml: whatever an editor or a template engine made of it, the answer is a value or a list of
// problems.
#include <algorithm>

#include "authz/config.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::text_of(data, size));
    const auto lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
    const auto config = parse_config(text, "gerve.toml");
    if (config) {
        require(!config->state.empty() && !config->listen.ssh.empty(), "a configuration is complete");
        return 0;
    }
    require(!config.error().empty(), "what is refused has a reason");
    for (const ConfigProblem& problem : config.error()) {
        require(!problem.text.empty() && problem.line <= lines,
                "a problem has a text and a place in the file");
        fuzz::require_one_clean_line(problem.text);
        require(problem.format().find('\x1b') == std::string::npos, "a problem moves no cursor");
    }
    return 0;
}
