// The files of a gitolite's configuration, in memory.
#pragma once

#include <map>
#include <string>

#include "gerve/cli/import/gitolite_conf.h"

namespace gerve {

class MemoryFiles {
  public:
    explicit MemoryFiles(std::map<std::string, std::string> files) : files_(std::move(files)) {}

    [[nodiscard]] ConfFiles reach() const {
        return {[this](const std::string& name) -> Result<std::string> { return files_.at(name); },
                [this](const std::string& pattern) { return find(pattern); }};
    }
    [[nodiscard]] auto parse() const { return parse_gitolite_conf(reach(), "gitolite.conf"); }

  private:
    // "*" stands for anything, at the end only.
    [[nodiscard]] std::vector<ConfFiles::Found> find(const std::string& pattern) const {
        const auto star = pattern.find('*');
        std::vector<ConfFiles::Found> found;
        for (const auto& [name, content] : files_) {
            const bool fits =
                star == std::string::npos ? name == pattern : name.starts_with(pattern.substr(0, star));
            if (fits) found.push_back({name, name});
        }
        if (found.empty() && star == std::string::npos) found.push_back({pattern, ""});
        return found;
    }

    std::map<std::string, std::string> files_;
};

// A configuration that is as it should be.
inline GitoliteConf conf_of(const std::string& text) {
    return *MemoryFiles({{"gitolite.conf", text}}).parse();
}

}  // namespace gerve
