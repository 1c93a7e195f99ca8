// Writer: JSON, value by value, into a text.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "authz/base/json_text.h"

namespace gerve::wire {

class Writer {
  public:
    explicit Writer(std::string& out) : out_(out) {}

    void begin(char opening) {  // '{' or '['
        separate();
        out_ += opening;
    }
    void end(char closing) { out_ += closing; }
    // Of the member whose value comes next. Names are Gerve's own: they need no quoting.
    void name(std::string_view name) {
        separate();
        out_ += '"';
        out_ += name;
        out_ += "\":";
    }
    // Bytes that are not UTF-8 become U+FFFD; what is longer than `most` bytes then is cut.
    void text(std::string_view value, std::size_t most);
    void number(std::integral auto value) {
        separate();
        out_ += std::to_string(value);
    }
    void flag(bool value) { word(value ? "true" : "false"); }
    void null() { word("null"); }

  private:
    void word(std::string_view word) {
        separate();
        out_ += word;
    }
    void separate() {
        if (!out_.empty() && std::string_view("{[,:").find(out_.back()) == std::string_view::npos)
            out_ += ',';
    }
    std::string& out_;
};

}  // namespace gerve::wire
