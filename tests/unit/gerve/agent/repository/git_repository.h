// A bare repository with real git, for the tests of what an agent does there.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "authz/base/text.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_place.h"
#include "tests/unit/temporary.h"

namespace gerve {

inline const std::string none(40, '0');

struct GitRepository {
    TemporaryDirectory directory;
    std::string path = directory.path + "/r.git";
    GitPlace place{"/usr/bin/git", path, "refs/heads/main"};

    GitRepository() { git({"init", "--quiet", "--bare", path}); }

    std::string git(std::vector<std::string> words) const {
        if (words.front() != "init") words.insert(words.begin(), "--git-dir=" + path);
        auto environment = plain_git_environment(path);
        for (const char* who : {"AUTHOR", "COMMITTER"}) {
            environment.push_back(std::string("GIT_") + who + "_NAME=a");
            environment.push_back(std::string("GIT_") + who + "_EMAIL=a@b");
        }
        const auto run = run_git({"/usr/bin/git", std::move(words), environment});
        REQUIRE(run);
        REQUIRE(run->end.code == 0);
        return std::string(trim(run->output));
    }
    std::string commit(const std::vector<std::string>& parents, const std::string& text = "x") const {
        std::vector<std::string> words{"commit-tree", "-m", text};
        for (const std::string& parent : parents) words.insert(words.end(), {"-p", parent});
        words.push_back(git({"write-tree"}));
        return git(words);
    }
    // One of many, made by git hash-object: commit-tree takes longer.
    [[nodiscard]] std::string loose_commit(int number) const {
        const std::string text = "tree " + git({"hash-object", "-w", "-t", "tree", "/dev/null"}) +
                                 "\nauthor a <a@b> " + std::to_string(number) + " +0000\ncommitter a <a@b> " +
                                 std::to_string(number) + " +0000\n\nx\n";
        const auto made = run_in(place, {"hash-object", "-w", "-t", "commit", "--stdin"}, no_deadline, text);
        REQUIRE(made);
        return std::string(trim(made->output));
    }
    [[nodiscard]] RefChange taken(const std::string& old_id, const std::string& new_id) const {
        RefChange change;
        change.ref = "refs/heads/a";
        change.old_id = old_id;
        change.new_id = new_id;
        change.outcome = RefOutcome::taken;
        return change;
    }
};

}  // namespace gerve
