// RowReader: takes the columns of one row in order, checks their types, and remembers the first misfit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "authz/model/login_policy.h"
#include "authz/model/repository.h"
#include "authz/model/size_limits.h"
#include "authz/store/database.h"

namespace gerve {

// A row that does not read is neither found nor missing: whoever sees !good() answers malformed().
class RowReader {
  public:
    RowReader(const Row& row, const Statement& statement) : row_(row), statement_(statement) {}

    [[nodiscard]] bool next_is_null() const {
        return place_ >= row_.size() || std::holds_alternative<std::monostate>(row_[place_]);
    }
    void skip(std::size_t columns = 1) { place_ += columns; }

    std::int64_t integer() {
        const auto* number = take<std::int64_t>();
        return number == nullptr ? 0 : *number;
    }
    std::optional<std::int64_t> maybe_integer() {
        if (place_ < row_.size() && next_is_null()) {
            skip();
            return std::nullopt;
        }
        return integer();
    }
    // Between `least` and `most`, both included.
    std::int64_t integer_within(std::int64_t least, std::int64_t most) {
        const std::int64_t number = integer();
        if (number < least || number > most) note();
        return number;
    }
    // Of a size limit, in bytes.
    std::optional<std::uint64_t> maybe_size() {
        const auto number = maybe_integer();
        if (!number) return std::nullopt;
        if (*number < 0 || static_cast<std::uint64_t>(*number) > max_size_limit) note();
        return static_cast<std::uint64_t>(*number);
    }
    bool flag() { return integer_within(0, 1) == 1; }
    // Its four columns: requires_post_quantum and so on.
    LoginPolicy policy() {
        LoginPolicy policy;
        policy.post_quantum = flag();
        policy.touch = static_cast<AskedFor>(integer_within(0, 2));
        policy.pin = static_cast<AskedFor>(integer_within(0, 2));
        policy.deploy_keys = flag();
        return policy;
    }
    // All that is left of the row: names and values, in turn. A value that is none is a matter of pushes
    // alone.
    GivenHooks hooks() {
        GivenHooks hooks;
        while (place_ < row_.size()) {
            const std::string& name = text();
            if (next_is_null()) {
                hooks.wrong = "variable '" + name + "' of hooks is NULL";
                skip();
            } else if (auto added = hooks.variables.add(name, text()); !added) {
                hooks.wrong = added.error().told;
            }
        }
        return hooks;
    }
    const std::string& text() {
        static const std::string empty;
        const auto* text = take<std::string>();
        return text == nullptr ? empty : *text;
    }
    // A text that is one of our values: text_as(Login::parse).
    template <class Parse>
    auto text_as(Parse parse) {
        auto value = parse(std::string_view(text()));
        if (!value) note();
        return value;
    }

    [[nodiscard]] bool good() const { return wrong_ == 0; }
    [[nodiscard]] tl::unexpected<Error> malformed() const {
        return unavailable(std::string(statement_.name) + ": malformed row, column " +
                           std::to_string(wrong_));
    }

  private:
    template <class Type>
    const Type* take() {
        const Type* value = place_ < row_.size() ? std::get_if<Type>(&row_[place_]) : nullptr;
        ++place_;
        if (value == nullptr) note();
        return value;
    }
    void note() {
        if (wrong_ == 0) wrong_ = place_;
    }

    const Row& row_;
    const Statement& statement_;
    std::size_t place_ = 0;
    std::size_t wrong_ = 0;  // from 1
};

}  // namespace gerve
