#include "gerve/agent/git_place.h"

#include "authz/base/text.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/environment.h"

namespace gerve {

Result<GitRun> run_in(const GitPlace& place, std::vector<std::string> arguments, Deadline deadline,
                      std::string_view input) {
    arguments.insert(arguments.begin(), {"--no-replace-objects", "--git-dir=" + place.path});
    return run_git({place.git, std::move(arguments), plain_git_environment(place.path)}, deadline, input);
}

Result<std::string> ask_in(const GitPlace& place, std::vector<std::string> arguments, Deadline deadline,
                           std::string_view input) {
    auto run = run_in(place, std::move(arguments), deadline, input);
    if (!run) return pass_on(run);
    if (run->end.signal != 0 || run->end.code != 0)
        return internal_error("git failed in " + place.path + ": " + printable(trim(run->output), 512));
    if (run->output.size() == max_git_output) return internal_error("git says too much in " + place.path);
    return std::move(run->output);
}

Result<std::unordered_set<std::string>> present_objects(const GitPlace& place,
                                                        const std::vector<std::string>& objects,
                                                        Deadline deadline) {
    std::string input;
    for (const std::string& object : objects) input += object + "\n";
    const auto said = ask_in(place, {"cat-file", "--batch-check=%(objectname)"}, deadline, input);
    if (!said) return pass_on(said);
    std::unordered_set<std::string> present;
    for (const std::string_view line : split(*said, '\n')) {
        if (is_object_id(line)) present.emplace(line);  // "ID missing" is none
    }
    return present;
}

}  // namespace gerve
