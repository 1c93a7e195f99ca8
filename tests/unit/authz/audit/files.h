// Trails in temporary directories, and what can happen to their files.
#pragma once

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "authz/audit/events.h"
#include "authz/audit/trail.h"
#include "authz/audit/verify.h"
#include "tests/unit/authz/store/fixture.h"

namespace gerve::testing {

inline TrailSettings trail_settings(const TemporaryDirectory& directory) {
    return {directory.file("audit.jsonl"), directory.file("audit.key"), "gw1"};
}

inline std::unique_ptr<Trail> open_trail(const TemporaryDirectory& directory) {
    return must(Trail::open(trail_settings(directory)));
}

inline void write_events(Trail& trail, int count) {
    for (int i = 0; i < count; ++i) must(trail.append({service_fact("started")}));
}

inline std::string text_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

inline void put_text(const std::string& file, const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

inline std::vector<std::string> text_lines(const std::string& file) {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

inline std::vector<nlohmann::json> json_lines(const std::string& file) {
    std::vector<nlohmann::json> lines;
    for (const std::string& line : text_lines(file)) lines.push_back(nlohmann::json::parse(line));
    return lines;
}

inline void rename_file(const TemporaryDirectory& directory, const std::string& from, const std::string& to) {
    std::filesystem::rename(directory.file(from), directory.file(to));
}

// What is wrong with these files, as NAME:LINE: TEXT.
inline std::vector<std::string> verify(const TemporaryDirectory& directory,
                                       const std::vector<std::string>& names,
                                       std::vector<TrailHead> anchors = {}) {
    const ChainKey key = must(load_chain_key(directory.file("audit.key")));
    TrailVerifier verifier(key, std::move(anchors));
    for (const std::string& name : names) {
        std::ifstream in(directory.file(name), std::ios::binary);
        verify_stream(verifier, name, in);
    }
    std::vector<std::string> problems;
    for (const TrailProblem& problem : verifier.finish())
        problems.push_back(problem.file + ":" + std::to_string(problem.line) + ": " + problem.text);
    return problems;
}

// While it lives, no file of this process grows beyond these bytes.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    rlimit before_{};
};

}  // namespace gerve::testing
