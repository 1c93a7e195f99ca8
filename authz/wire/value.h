// Value: received JSON, read as the type that is asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "authz/wire/plain_message.h"

namespace gerve::wire {

// A view into a ReceivedMessage, perhaps of nothing. Read as another type than it has, or in search of what
// it does not have, it gives nothing.
class Value {
  public:
    Value() = default;
    explicit Value(const nlohmann::json& tree) : value_(&tree) {}
    explicit Value(const PlainMessage& message) : value_(&message) {}

    [[nodiscard]] bool exists() const { return !std::holds_alternative<std::monostate>(value_); }
    [[nodiscard]] bool is_null() const;
    [[nodiscard]] std::optional<std::string_view> text() const;
    [[nodiscard]] std::optional<std::uint64_t> number() const;  // unsigned and whole
    [[nodiscard]] std::optional<bool> flag() const;
    [[nodiscard]] Value member(std::string_view name) const;  // of several of one name the last
    [[nodiscard]] bool is_object() const;
    [[nodiscard]] std::optional<std::size_t> elements() const;
    [[nodiscard]] Value element(std::size_t at) const;

  private:
    [[nodiscard]] const nlohmann::json* tree() const;
    [[nodiscard]] const PlainObject::Member* plain(PlainObject::Kind kind) const;
    [[nodiscard]] static Value of(const PlainObject& object, std::string_view name);

    std::variant<std::monostate, const nlohmann::json*, const PlainMessage*, const PlainObject*,
                 const PlainObject::Member*>
        value_;
};

// Read in place when it is plain, as a tree otherwise. It borrows the text.
class ReceivedMessage {
  public:
    explicit ReceivedMessage(std::string_view text);
    ~ReceivedMessage();
    ReceivedMessage(const ReceivedMessage&) = delete;
    ReceivedMessage& operator=(const ReceivedMessage&) = delete;
    // Of nothing: it is not JSON, or too long.
    [[nodiscard]] Value value() const;

  private:
    PlainMessage plain_;
    bool is_plain_ = false;
    std::unique_ptr<nlohmann::json> tree_;
};

// An object in one line, in its shortest form; nothing: it is not an object.
[[nodiscard]] std::optional<std::string> compact_object(std::string_view json);

}  // namespace gerve::wire
