#include "authz/base/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "authz/base/nearest.h"
#include "authz/base/text.h"
#include "authz/base/toml_text.h"
#include "authz/base/units.h"

namespace gerve {
namespace {

using std::chrono::milliseconds;

// Without the numbers of its tables: those of one list have the same keys, and problems name the place.
template <class Step>
std::string dotted(const std::vector<Step>& path, std::string_view key) {
    std::string out;
    for (const Step& step : path) out += step.key + ".";
    return out + printable(key, 80);
}

TextPlace place_of(const toml::node* node) {
    if (node == nullptr) return {};
    return {node->source().begin.line, node->source().begin.column};
}

// What a node is, as a person would say it.
std::string describe_node(const toml::node& node) {
    if (const auto* text = node.as_string()) return toml_quoted(text->get());
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    if (node.is_array()) return "a list";
    if (node.is_table()) return "a table";
    if (node.is_floating_point()) return "a fraction";
    return "a date or time";
}

}  // namespace

struct TomlReader::Document {
    std::string name;
    std::filesystem::path directory;
    std::vector<std::string> lines;
    toml::table root;
    bool parsed = false;
    std::vector<ConfigProblem> problems;
    std::map<std::string, std::set<std::string>> known;  // keys asked for, by "a.b." of their table

    [[nodiscard]] const toml::table* find_table(const TomlTable::Path& path) const {
        const toml::table* here = &root;
        for (const auto& [key, index] : path) {
            const toml::node* next = here->get(key);
            if (next != nullptr && index) next = next->is_array() ? next->as_array()->get(*index) : nullptr;
            here = next == nullptr ? nullptr : next->as_table();
            if (here == nullptr) return nullptr;
        }
        return here;
    }

    // The nearest table that is there, for the place of what is missing.
    [[nodiscard]] const toml::node* heading_of(TomlTable::Path path) const {
        for (; !path.empty(); path.pop_back()) {
            if (const auto* table = find_table(path)) return table;
        }
        return nullptr;
    }

    [[nodiscard]] const toml::node* find(const TomlTable::Path& path, std::string_view key) {
        known[dotted(path, "")].emplace(key);
        const toml::table* table = find_table(path);
        return table == nullptr ? nullptr : table->get(key);
    }

    [[nodiscard]] ConfigProblem problem(TextPlace place, std::string text) const {
        ConfigProblem problem{name, place.line, place.column, std::move(text), ""};
        if (place.line > 0 && place.line <= lines.size()) problem.source = lines[place.line - 1];
        return problem;
    }

    void report(TextPlace place, std::string text) { problems.push_back(problem(place, std::move(text))); }
    void report(const toml::node* node, std::string text) { report(place_of(node), std::move(text)); }

    void report_unknown(const toml::table& table, const TomlTable::Path& path);
    void report_unknown_in(const toml::node& node, const TomlTable::Path& path);
    [[nodiscard]] std::string suggestion(const TomlTable::Path& path, std::string_view key) const;
    [[nodiscard]] std::optional<std::string> checked_text(const toml::node& node, const std::string& key,
                                                          std::string_view expected, Lines most);
};

// The same word in another table beats a similar one in this.
std::string TomlReader::Document::suggestion(const TomlTable::Path& path, std::string_view key) const {
    for (const auto& [table, keys] : known) {
        if (!keys.contains(std::string(key))) continue;
        const std::string there = table + std::string(key);
        if (known.contains(there + ".")) return "; did you mean the table [" + there + "]?";
        return "; did you mean " + toml_quoted(there) + (table.empty() ? " in front of all tables?" : "?");
    }
    const auto here = known.find(dotted(path, ""));
    const auto similar = here == known.end() ? std::nullopt : nearest(key, here->second);
    return similar ? "; did you mean " + toml_quoted(*similar) + "?" : "";
}

void TomlReader::Document::report_unknown(const toml::table& table, const TomlTable::Path& path) {
    const auto& keys = known[dotted(path, "")];
    for (const auto& [key, node] : table) {
        if (keys.contains(std::string(key.str()))) {
            auto below = path;
            below.push_back({std::string(key.str())});
            if (known.contains(dotted(below, ""))) report_unknown_in(node, below);
            continue;
        }
        std::string where;
        for (const auto& step : path) where += (where.empty() ? " in [" : ".") + step.key;
        if (!where.empty()) where += "]";
        report({key.source().begin.line, key.source().begin.column},
               std::string(node.is_table() ? "unknown table " : "unknown key ") + toml_quoted(key.str()) +
                   where + suggestion(path, key.str()));
    }
}

void TomlReader::Document::report_unknown_in(const toml::node& node, const TomlTable::Path& path) {
    if (const auto* table = node.as_table()) return report_unknown(*table, path);
    const auto* list = node.as_array();
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        if (const auto* table = list->get_as<toml::table>(i)) report_unknown(*table, path);
    }
}

std::optional<std::string> TomlReader::Document::checked_text(const toml::node& node, const std::string& key,
                                                              std::string_view expected, Lines most) {
    const auto* text = node.as_string();
    if (text == nullptr) {
        report(&node, key + " must be " + std::string(expected) + ", not " + describe_node(node));
        return std::nullopt;
    }
    if (has_control_character(text->get(), most)) {
        report(&node, key + " must not contain control characters");
        return std::nullopt;
    }
    return text->get();
}

TomlReader::TomlReader(std::string text, std::string name) : document_(std::make_unique<Document>()) {
    document_->name = std::move(name);
    std::error_code ignored;
    document_->directory = std::filesystem::current_path(ignored);
    document_->directory = (document_->directory / document_->name).parent_path();
    document_->lines = split_lines(text);
    try {
        document_->root = toml::parse(text);
        document_->parsed = true;
    } catch (const toml::parse_error& error) {
        const toml::source_position& at = error.source().begin;
        document_->report({at.line, at.column}, "not TOML: " + printable(error.description(), 400));
    }
}

TomlReader::~TomlReader() = default;

TomlTable TomlReader::root() {
    return TomlTable(*document_, {});
}

std::vector<ConfigProblem> TomlReader::finish() {
    // After a syntax error the file is empty to its reader: complaints of what is missing would mislead.
    if (!document_->parsed) return {document_->problems.front()};
    document_->report_unknown(document_->root, {});
    std::stable_sort(document_->problems.begin(), document_->problems.end(),
                     [](const ConfigProblem& a, const ConfigProblem& b) {
                         return std::tie(a.line, a.column) < std::tie(b.line, b.column);
                     });
    return std::move(document_->problems);
}

bool TomlTable::present() const {
    return document_->find_table(path_) != nullptr;
}

bool TomlTable::has(std::string_view key) {
    return document_->find(path_, key) != nullptr;
}

TomlTable TomlTable::table(std::string_view key) {
    const toml::node* node = document_->find(path_, key);
    Path below = path_;
    below.push_back({std::string(key)});
    const std::string name = dotted(path_, key);
    document_->known[name + "."];
    if (node != nullptr && !node->is_table()) {
        document_->report(node, name + " must be a table: write [" + name + "] and put its keys below it");
    }
    return TomlTable(*document_, std::move(below));
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
    const toml::node* node = document_->find(path_, key);
    const std::string name = dotted(path_, key);
    std::vector<TomlTable> tables;
    const auto* list = node == nullptr ? nullptr : node->as_array();
    const std::string wrong = name + " must be a list of tables: write [[" + name + "]] above each";
    if (list != nullptr) document_->known[name + "."];
    if (node != nullptr && list == nullptr) document_->report(node, wrong);
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        if (!list->get(i)->is_table()) {
            document_->report(list->get(i), wrong);
            continue;
        }
        Path below = path_;
        below.push_back({std::string(key), i});
        tables.push_back(TomlTable(*document_, std::move(below)));
    }
    return tables;
}

std::string TomlTable::text(std::string_view key, std::string fallback, Lines lines) {
    const toml::node* node = document_->find(path_, key);
    if (node == nullptr) return fallback;
    return document_->checked_text(*node, dotted(path_, key), "a string", lines)
        .value_or(std::move(fallback));
}

std::vector<std::string> TomlTable::texts(std::string_view key, std::vector<std::string> fallback) {
    const toml::node* node = document_->find(path_, key);
    if (node == nullptr) return fallback;
    const std::string name = dotted(path_, key);
    const auto* list = node->as_array();
    if (list == nullptr) {
        std::string remedy;
        if (node->is_string()) remedy = ": write [" + describe_node(*node) + "]";
        document_->report(node, name + " must be a list of strings, not " + describe_node(*node) + remedy);
        return fallback;
    }
    std::vector<std::string> values;
    for (const toml::node& element : *list) {
        // A wrong element stays as an empty one, so that indexes agree with the file.
        values.push_back(
            document_->checked_text(element, name, "a list of strings", Lines::one).value_or(""));
    }
    return values;
}

std::string TomlTable::choice(std::string_view key, std::span<const std::string_view> choices,
                              std::string fallback) {
    const toml::node* node = document_->find(path_, key);
    if (node == nullptr) return fallback;
    const auto* text = node->as_string();
    if (text != nullptr && std::find(choices.begin(), choices.end(), text->get()) != choices.end()) {
        return text->get();
    }
    complain(key, "must be " + list_of(choices) + ", not " + describe_node(*node));
    return fallback;
}

std::string TomlTable::path(std::string_view key, std::string fallback) {
    const std::string value = text(key, std::move(fallback));
    return value.empty() ? value : (document_->directory / value).lexically_normal().string();
}

std::vector<std::string> TomlTable::paths(std::string_view key) {
    std::vector<std::string> values = texts(key);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i].empty()) complain(key, i, "must not contain an empty file name");
        values[i] = (document_->directory / values[i]).lexically_normal().string();
    }
    return values;
}

bool TomlTable::flag(std::string_view key, bool fallback) {
    const toml::node* node = document_->find(path_, key);
    if (node == nullptr) return fallback;
    if (const auto* flag = node->as_boolean()) return flag->get();
    complain(key, "must be true or false, not " + describe_node(*node));
    return fallback;
}

std::uint64_t TomlTable::number(std::string_view key, std::uint64_t fallback, std::uint64_t least,
                                std::uint64_t most) {
    const toml::node* node = document_->find(path_, key);
    if (node == nullptr) return fallback;
    const auto* number = node->as_integer();
    if (number != nullptr && number->get() >= 0) {
        const auto value = static_cast<std::uint64_t>(number->get());
        if (value >= least && value <= most) return value;
    }
    complain(key, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
                      ", not " + describe_node(*node));
    return fallback;
}

milliseconds TomlTable::duration(std::string_view key, milliseconds fallback, milliseconds least,
                                 milliseconds most) {
    const toml::node* node = document_->find(path_, key);
    if (node == nullptr) return fallback;
    const auto* text = node->as_string();
    const auto value = text == nullptr ? std::nullopt : parse_setting(text->get());
    if (value && *value >= least && *value <= most) return *value;
    if (value) {
        complain(key, "must be from \"" + setting_text(least) + "\" to \"" + setting_text(most) + "\", not " +
                          describe_node(*node));
    } else {
        complain(key,
                 "must be a time with its unit, such as \"500ms\", \"30s\", \"5m\", "
                 "\"1h\" or \"2d\", not " +
                     describe_node(*node));
    }
    return fallback;
}

std::uint64_t TomlTable::size(std::string_view key, std::uint64_t fallback) {
    const toml::node* node = document_->find(path_, key);
    if (node == nullptr) return fallback;
    const auto* text = node->as_string();
    if (const auto bytes = text == nullptr ? std::nullopt : parse_size(text->get())) return *bytes;
    complain(key,
             "must be a size with its unit (KiB, MiB, GiB or TiB), such as \"500MiB\" or \"10GiB\", not " +
                 describe_node(*node));
    return fallback;
}

void TomlTable::complain(std::string_view key, const std::string& text) {
    document_->report(place(key), dotted(path_, key) + " " + text);
}

void TomlTable::complain(std::string_view key, std::size_t index, const std::string& text) {
    document_->report(place(key, index), dotted(path_, key) + " " + text);
}

TextPlace TomlTable::place(std::string_view key) {
    const toml::node* node = document_->find(path_, key);
    return place_of(node == nullptr ? document_->heading_of(path_) : node);
}

TextPlace TomlTable::place(std::string_view key, std::size_t index) {
    const toml::node* node = document_->find(path_, key);
    const auto* list = node == nullptr ? nullptr : node->as_array();
    return list != nullptr && index < list->size() ? place_of(list->get(index)) : place(key);
}

ConfigProblem TomlReader::problem(TextPlace place, std::string text) const {
    return document_->problem(place, std::move(text));
}

}  // namespace gerve
