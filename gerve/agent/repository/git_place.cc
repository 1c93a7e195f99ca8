#include "gerve/agent/repository/git_place.h"

#include <algorithm>

#include "authz/base/text.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/repository/environment.h"

namespace gerve {

Result<GitRun> run_in(const GitPlace& place, std::vector<std::string> arguments, Deadline deadline,
                      std::string_view input) {
    arguments.insert(arguments.begin(), {"--no-replace-objects", "--git-dir=" + place.path});
    GitStart start{place.git, std::move(arguments), plain_git_environment(place.path, place.home)};
    start.directory = place.path;
    return run_git(start, deadline, input);
}

Result<std::string> ask_in(const GitPlace& place, std::vector<std::string> arguments, Deadline deadline,
                           std::string_view input) {
    auto run = run_in(place, std::move(arguments), deadline, input);
    if (!run) return pass_on(run);
    if (run->end.signal != 0 || run->end.code != 0)
        return internal_error("git failed in " + place.path + ": " + printable(trim(run->output), 512));
    if (run->output.size() == max_git_output) return internal_error("git wrote too much in " + place.path);
    return std::move(run->output);
}

Result<std::unordered_map<std::string, std::string>> kinds_of(const GitPlace& place,
                                                              const std::vector<std::string>& objects,
                                                              Deadline deadline) {
    constexpr std::size_t at_once = 10'000;
    std::unordered_map<std::string, std::string> kinds;
    for (std::size_t at = 0; at < objects.size(); at += at_once) {
        std::string input;
        for (std::size_t i = at; i < std::min(objects.size(), at + at_once); ++i) input += objects[i] + "\n";
        const auto said =
            ask_in(place, {"cat-file", "--batch-check=%(objectname) %(objecttype)"}, deadline, input);
        if (!said) return pass_on(said);
        for (const std::string_view line : split(*said, '\n')) {
            const auto words = split(line, ' ');
            if (words.size() == 2 && is_object_id(words[0]) && words[1] != "missing")
                kinds.emplace(words[0], words[1]);
        }
    }
    return kinds;
}

}  // namespace gerve
