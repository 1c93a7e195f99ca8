#include "authz/base/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "authz/base/nearest.h"
#include "authz/base/text.h"
#include "authz/base/units.h"

namespace gerve {
namespace {

using std::chrono::milliseconds;

std::string in_quotes(std::string_view text) {
    return '"' + printable(text, 80) + '"';
}

std::string dotted(const std::vector<std::string>& path, std::string_view key) {
    std::string out;
    for (const std::string& part : path) out += part + ".";
    return out + printable(key, 80);
}

// What a node is, as a person would say it.
std::string describe_node(const toml::node& node) {
    if (const auto* text = node.as_string()) return in_quotes(text->get());
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    if (node.is_array()) return "a list";
    if (node.is_table()) return "a table";
    if (node.is_floating_point()) return "a fraction";
    return "a date or time";
}

bool has_control_character(std::string_view text, Lines lines) {
    return std::any_of(text.begin(), text.end(), [lines](unsigned char c) {
        return c == 0x7f || (c < 0x20 && (lines == Lines::one || (c != '\n' && c != '\t')));
    });
}

std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::string_view line : split(text, '\n')) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.emplace_back(line);
    }
    return lines;
}

std::string list_of(std::span<const std::string_view> choices) {
    std::string out;
    std::size_t left = choices.size();
    for (const std::string_view choice : choices) {
        out += '"' + std::string(choice) + '"';
        if (--left > 0) out += left == 1 ? " or " : ", ";
    }
    return out;
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

    [[nodiscard]] const toml::table* find_table(const std::vector<std::string>& path) const {
        const toml::table* here = &root;
        for (const std::string& part : path) {
            const toml::node* next = here->get(part);
            here = next == nullptr ? nullptr : next->as_table();
            if (here == nullptr) return nullptr;
        }
        return here;
    }

    // The nearest table that is there, for the place of what is missing.
    [[nodiscard]] const toml::node* heading_of(std::vector<std::string> path) const {
        for (; !path.empty(); path.pop_back()) {
            if (const auto* table = find_table(path)) return table;
        }
        return nullptr;
    }

    [[nodiscard]] const toml::node* find(const std::vector<std::string>& path, std::string_view key) {
        known[dotted(path, "")].emplace(key);
        const toml::table* table = find_table(path);
        return table == nullptr ? nullptr : table->get(key);
    }

    void report(const toml::source_position* place, std::string text) {
        ConfigProblem problem{name, 0, 0, std::move(text), ""};
        if (place != nullptr && place->line > 0) {
            problem.line = place->line;
            problem.column = place->column;
            if (place->line <= lines.size()) problem.source = lines[place->line - 1];
        }
        problems.push_back(std::move(problem));
    }

    void report(const toml::node* node, std::string text) {
        report(node == nullptr ? nullptr : &node->source().begin, std::move(text));
    }

    void report_unknown(const toml::table& table, const std::vector<std::string>& path);
    [[nodiscard]] std::string suggestion(const std::vector<std::string>& path, std::string_view key) const;
    [[nodiscard]] std::optional<std::string> checked_text(const toml::node& node, const std::string& key,
                                                          std::string_view expected, Lines most);
};

// The same word in another table beats a similar one in this.
std::string TomlReader::Document::suggestion(const std::vector<std::string>& path,
                                             std::string_view key) const {
    for (const auto& [table, keys] : known) {
        if (keys.contains(std::string(key)))
            return "; did you mean " + in_quotes(table + std::string(key)) + "?";
    }
    const auto here = known.find(dotted(path, ""));
    if (here == known.end()) return "";
    const auto similar = nearest(key, here->second);
    return similar ? "; did you mean " + in_quotes(*similar) + "?" : "";
}

void TomlReader::Document::report_unknown(const toml::table& table, const std::vector<std::string>& path) {
    const auto& keys = known[dotted(path, "")];
    for (const auto& [key, node] : table) {
        if (keys.contains(std::string(key.str()))) {
            auto below = path;
            below.emplace_back(key.str());
            const auto* inner = node.as_table();
            if (inner != nullptr && known.contains(dotted(below, ""))) report_unknown(*inner, below);
            continue;
        }
        std::string where;
        for (const std::string& part : path) where += (where.empty() ? " in [" : ".") + part;
        if (!where.empty()) where += "]";
        report(&key.source().begin, std::string(node.is_table() ? "unknown table " : "unknown key ") +
                                        in_quotes(key.str()) + where + suggestion(path, key.str()));
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
        document_->report(&error.source().begin, "not TOML: " + printable(error.description(), 400));
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
    below.emplace_back(key);
    const std::string name = dotted(path_, key);
    document_->known[name + "."];
    if (node != nullptr && !node->is_table()) {
        document_->report(node, name + " must be a table: write [" + name + "] and put its keys below it");
    }
    return TomlTable(*document_, std::move(below));
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
    const toml::node* node = document_->find(path_, key);
    if (node == nullptr) node = document_->heading_of(path_);
    document_->report(node, dotted(path_, key) + " " + text);
}

void TomlTable::complain(std::string_view key, std::size_t index, const std::string& text) {
    const toml::node* node = document_->find(path_, key);
    const auto* list = node == nullptr ? nullptr : node->as_array();
    if (list != nullptr && index < list->size()) node = list->get(index);
    document_->report(node, dotted(path_, key) + " " + text);
}

}  // namespace gerve
