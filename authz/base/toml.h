// A typed reader of TOML files that gathers every problem with its place instead of stopping at the first.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "authz/base/enum_names.h"
#include "authz/base/problem.h"

namespace gerve {

// Of a text: without control characters, with newlines and tabs, or with all that TOML can say.
enum class Lines { one, many, any };

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

    // What shows only later of something that stands there; no place: of the whole file.
    [[nodiscard]] ConfigProblem problem(TextPlace place, std::string text) const;

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
    // The tables of [[key]], in the order of the file; empty when there is none.
    [[nodiscard]] std::vector<TomlTable> tables(std::string_view key);

    // No control characters in any text, path or choice, unless `lines` says otherwise.
    [[nodiscard]] std::string text(std::string_view key, std::string fallback = {}, Lines lines = Lines::one);
    [[nodiscard]] std::vector<std::string> texts(std::string_view key,
                                                 std::vector<std::string> fallback = {});
    [[nodiscard]] std::string choice(std::string_view key, std::span<const std::string_view> choices,
                                     std::string fallback);
    // One of an enum's names, which stand in its order.
    template <class Enum, std::size_t count>
    requires std::is_enum_v<Enum>
    [[nodiscard]] Enum choice(std::string_view key, const std::array<std::string_view, count>& names,
                              Enum fallback) {
        const std::string name = choice(key, std::span(names), std::string(name_in(names, fallback)));
        return find_in<Enum>(names, name).value_or(fallback);
    }
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

    // "500MiB" or "10GiB", as bytes.
    [[nodiscard]] std::uint64_t size(std::string_view key, std::uint64_t fallback);

    // Adds the problem "KEY TEXT" at the value of the key, or at the table's heading when there is none.
    // With an index, at that element of the list.
    void complain(std::string_view key, const std::string& text);
    void complain(std::string_view key, std::size_t index, const std::string& text);

    // Of the value of the key, or of the table's heading when there is none; with an index, of that element
    // of the list.
    [[nodiscard]] TextPlace place(std::string_view key);
    [[nodiscard]] TextPlace place(std::string_view key, std::size_t index);

  private:
    friend class TomlReader;
    struct Step {
        std::string key;
        std::optional<std::size_t> index{};  // of one of several tables
    };
    using Path = std::vector<Step>;
    TomlTable(TomlReader::Document& document, Path path) : document_(&document), path_(std::move(path)) {}
    TomlReader::Document* document_;
    Path path_;
};

}  // namespace gerve
