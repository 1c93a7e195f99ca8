// A typed reader of TOML files that gathers every problem with its place instead of stopping at the first.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/problem.h"

namespace gerve {

enum class Lines { one, many };

class TomlTable;

// A parsed file. Read it table by table; what has not been asked for by the time of finish() is unknown.
class TomlReader final {
  public:
    // `name` is what problems call the file; relative paths in it start at its directory, those of text
    // without a name at the working directory.
    // A syntax error is a problem, and all values then keep their defaults.
    TomlReader(std::string text, std::string name);
    ~TomlReader();
    TomlReader(const TomlReader&) = delete;
    TomlReader& operator=(const TomlReader&) = delete;

    [[nodiscard]] TomlTable root();

    // Every problem found so far and one for each unknown key, in the order of the file.
    [[nodiscard]] std::vector<ConfigProblem> finish();

  private:
    friend class TomlTable;
    struct Document;
    std::unique_ptr<Document> document_;
};

// One table of the file, or its absence: then every read gives the fallback. It borrows the reader.
//
// A read returns the value of a key, or the fallback when the key is absent or wrong; what is wrong with it
// becomes a problem. Asking makes a key known.
class TomlTable final {
  public:
    [[nodiscard]] bool present() const;
    [[nodiscard]] bool has(std::string_view key);

    [[nodiscard]] TomlTable table(std::string_view key);

    // No control characters in any text, path or choice; Lines::many takes newlines and tabs.
    [[nodiscard]] std::string text(std::string_view key, std::string fallback = {}, Lines lines = Lines::one);
    [[nodiscard]] std::vector<std::string> texts(std::string_view key,
                                                 std::vector<std::string> fallback = {});
    [[nodiscard]] std::string choice(std::string_view key, std::initializer_list<std::string_view> choices,
                                     std::string fallback);
    // A file name, made absolute; empty stays empty.
    [[nodiscard]] std::string path(std::string_view key, std::string fallback = {});
    [[nodiscard]] std::vector<std::string> paths(std::string_view key);

    [[nodiscard]] bool flag(std::string_view key, bool fallback);
    // A whole number from least to most.
    [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t fallback, std::uint64_t least,
                                       std::uint64_t most);
    // "500ms", "30s", "5m", "1h" or "2d", from least to most.
    [[nodiscard]] std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds fallback,
                                                     std::chrono::milliseconds least,
                                                     std::chrono::milliseconds most);

    // Adds the problem "KEY TEXT" at the value of the key, or at the table's heading when there is none.
    // With an index, at that element of the list.
    void complain(std::string_view key, const std::string& text);
    void complain(std::string_view key, std::size_t index, const std::string& text);

  private:
    friend class TomlReader;
    using Path = std::vector<std::string>;
    TomlTable(TomlReader::Document& document, Path path) : document_(&document), path_(std::move(path)) {}
    TomlReader::Document* document_;
    Path path_;
};

// "1h", "90s", "500ms": the largest unit that gives a whole number.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

}  // namespace gerve
