// What an agent found in a directory that is to become a repository, and its form in GRV1: a line of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"

namespace gerve {

// Texts are printable, and short enough that the whole has at most 128 KiB as JSON.
struct Inspection {
    std::string directory;              // absolute, on the file server
    std::string name;                   // of one in a tree: its path below that
    std::string filed_as;               // OWNER/NAME, if the layout files that repository there
    bool in_place = false;              // it lies where the repository that was asked for is to lie
    std::string owner;                  // of the directory: "git", "uid 1007"
    std::string head;                   // the ref that HEAD names; empty when it names a commit, or is broken
    std::string object_format;          // "sha1", "sha256"; empty: git does not open it, or was not asked
    std::uint64_t bytes = 0;            // on the disk
    std::vector<std::string> hooks;     // executable ones, "update" or "update -> /where/it/leads"
    std::vector<std::string> notes;     // what is to be known about it
    std::vector<std::string> refusals;  // why it is not adopted, each with what to do; empty: it is ready

    // Leaves out notes, hooks and refusals from the end on until text() has at most `most` bytes; one
    // refusal stays.
    void shorten(std::size_t most);
    // One line, without its end.
    [[nodiscard]] std::string text() const;
    // Unknown members are skipped. Error: client.
    [[nodiscard]] static Result<Inspection> parse(std::string_view line);
};

// Some of the repositories in a tree.
struct TreePage {
    std::vector<Inspection> found;
    std::string next;  // where the next page begins, to be handed back as it is; empty: this was the last

    // A line for each, and one for `next`.
    [[nodiscard]] std::string text() const;
    // Error: client.
    [[nodiscard]] static Result<TreePage> parse(std::string_view text);
};

}  // namespace gerve
