#include "authz/wire/value.h"

#include <nlohmann/json.hpp>

#include "authz/wire/protocol.h"

namespace gerve::wire {
namespace {

using Json = nlohmann::json;

template <class T>
std::optional<T> value_of(const T* found) {
    return found == nullptr ? std::nullopt : std::optional<T>(*found);
}

}  // namespace

const Json* Value::tree() const {
    const auto* found = std::get_if<const Json*>(&value_);
    return found == nullptr ? nullptr : *found;
}

const PlainObject::Member* Value::plain(PlainObject::Kind kind) const {
    const auto* member = std::get_if<const PlainObject::Member*>(&value_);
    return member != nullptr && (*member)->kind == kind ? *member : nullptr;
}

bool Value::is_null() const {
    return tree() != nullptr && tree()->is_null();
}

std::optional<std::string_view> Value::text() const {
    if (const auto* member = plain(PlainObject::Kind::text)) return member->text;
    const auto* text = tree() == nullptr ? nullptr : tree()->get_ptr<const std::string*>();
    return text == nullptr ? std::nullopt : std::optional<std::string_view>(*text);
}

std::optional<std::uint64_t> Value::number() const {
    if (const auto* member = plain(PlainObject::Kind::number)) return member->number;
    return value_of(tree() == nullptr ? nullptr : tree()->get_ptr<const Json::number_unsigned_t*>());
}

std::optional<bool> Value::flag() const {
    if (const auto* member = plain(PlainObject::Kind::flag)) return member->number == 1;
    return value_of(tree() == nullptr ? nullptr : tree()->get_ptr<const Json::boolean_t*>());
}

Value Value::of(const PlainObject& object, std::string_view name) {
    Value found;
    if (const auto* member = object.find(name)) found.value_ = member;
    return found;
}

Value Value::member(std::string_view name) const {
    if (const auto* message = std::get_if<const PlainMessage*>(&value_)) {
        if (name != "client") return of((*message)->outer, name);
        Value client;
        if ((*message)->has_client) client.value_ = &(*message)->client;
        return client;
    }
    if (const auto* object = std::get_if<const PlainObject*>(&value_)) return of(**object, name);
    if (tree() == nullptr || !tree()->is_object()) return {};
    const auto found = tree()->find(name);
    return found == tree()->end() ? Value() : Value(*found);
}

bool Value::is_object() const {
    if (tree() != nullptr) return tree()->is_object();
    return std::holds_alternative<const PlainMessage*>(value_) ||
           std::holds_alternative<const PlainObject*>(value_);
}

std::optional<std::size_t> Value::elements() const {
    if (tree() == nullptr || !tree()->is_array()) return std::nullopt;
    return tree()->size();
}

Value Value::element(std::size_t at) const {
    const auto size = elements();
    return size && at < *size ? Value((*tree())[at]) : Value();
}

ReceivedMessage::ReceivedMessage(std::string_view text) {
    if (text.size() > max_authz_message) return;
    is_plain_ = plain_.parse(text);
    if (!is_plain_) tree_ = std::make_unique<Json>(Json::parse(text, nullptr, false));
}

ReceivedMessage::~ReceivedMessage() = default;

Value ReceivedMessage::value() const {
    if (tree_ == nullptr) return is_plain_ ? Value(plain_) : Value();
    return tree_->is_discarded() ? Value() : Value(*tree_);
}

std::optional<std::string> compact_object(std::string_view json) {
    const Json parsed = Json::parse(json, nullptr, false);
    if (!parsed.is_object()) return std::nullopt;
    return parsed.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gerve::wire
