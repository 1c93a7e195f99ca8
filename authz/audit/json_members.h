// JSON by hand: members of an object appended to a text, at a fraction of the cost of a tree.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "authz/audit/event_kind.h"
#include "authz/base/json_text.h"

namespace gerve {

class JsonMembers {
  public:
    // Of an event, which begin with its kind.
    explicit JsonMembers(EventKind kind) {
        constexpr std::size_t usual = 512;
        text_.reserve(usual);
        add("event", event_kind_name(kind));
    }
    JsonMembers() = default;

    void add(std::string_view name, std::string_view text) {
        begin(name);
        append_json_text(text_, text);
    }
    void add(std::string_view name, const char* text) { add(name, std::string_view(text)); }
    void add(std::string_view name, std::integral auto number) {
        begin(name);
        text_ += std::to_string(number);
    }
    void add_flag(std::string_view name, bool value) { add_json(name, value ? "true" : "false"); }
    void add_texts(std::string_view name, const std::vector<std::string>& texts) {
        begin(name);
        text_ += '[';
        for (const std::string& text : texts) {
            if (text_.back() != '[') text_ += ',';
            append_json_text(text_, text);
        }
        text_ += ']';
    }
    // What is JSON already.
    void add_json(std::string_view name, std::string_view json) {
        begin(name);
        text_ += json;
    }
    [[nodiscard]] std::string take() { return std::move(text_); }
    [[nodiscard]] std::string take_object() { return "{" + std::move(text_) + "}"; }

  private:
    // Names are ours: they need no quoting.
    void begin(std::string_view name) {
        if (!text_.empty()) text_ += ',';
        text_ += '"';
        text_ += name;
        text_ += "\":";
    }
    std::string text_;
};

}  // namespace gerve
