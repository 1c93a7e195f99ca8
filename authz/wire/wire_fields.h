// What both halves of wire.h share: limits, the form of JSON sent, and a reader of its fields. Only they
// include it.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/wire/live_protocol.h"
#include "authz/wire/protocol.h"
#include "authz/wire/wire.h"
#include "authz/wire/wire_plain.h"

namespace gerve::wire {

using Json = nlohmann::json;

// Untrusted text is cut to these many bytes when sent and refused beyond them when received.
constexpr std::size_t max_word = 255;     // a login, an address, an SSH version string
constexpr std::size_t max_handle = 1024;  // base64
constexpr std::size_t max_notice = 4096;
constexpr std::size_t max_destinations = 64;
constexpr std::size_t max_arguments = 64;      // words of a command's line
constexpr std::size_t max_change_text = 4096;  // one of them, a reason, or what changed

// Bytes that are not UTF-8 (a client's version string may hold any) become U+FFFD.
inline std::string dump(const Json& message) {
    return message.dump(-1, ' ', false, Json::error_handler_t::replace);
}

inline std::string cut(const std::string& text) {
    return text.substr(0, max_word);
}

// Takes fields out of one JSON object, whichever way it was read, and remembers the first that is missing or
// of the wrong form, so that a parser below can read all it needs and ask once.
class Fields {
  public:
    explicit Fields(const Json& object) : object_(&object) {
        if (!object.is_object()) note("object");
    }
    explicit Fields(const PlainObject& object) : plain_(&object) {}

    std::string_view text(const char* name, std::size_t limit = max_word) {
        const auto text = find_text(name);
        if (text && text->size() <= limit) return *text;
        note(name);
        return {};
    }
    bool boolean(const char* name) {
        if (plain_ != nullptr) {
            const auto* member = plain(name, PlainObject::Kind::flag);
            if (member == nullptr) note(name);
            return member != nullptr && member->number == 1;
        }
        const Json* value = get(name);
        if (value != nullptr && value->is_boolean()) return value->get<bool>();
        note(name);
        return false;
    }
    template <class Number>
    Number number(const char* name) {
        const auto number = find_number(name);
        if (number && *number <= static_cast<std::uint64_t>(std::numeric_limits<Number>::max()))
            return static_cast<Number>(*number);
        note(name);
        return 0;
    }
    bool has(const char* name) const {
        return plain_ != nullptr ? plain_->find(name) != nullptr : get(name) != nullptr;
    }
    // Of a plain message: nothing, since it has no array, and its one object is read by itself.
    const Json& inner(const char* name) {
        static const Json nothing;
        const Json* value = get(name);
        if (value == nullptr) note(name);
        return value == nullptr ? nothing : *value;
    }

    void note(const char* name) {
        if (wrong_.empty()) wrong_ = name;
    }
    [[nodiscard]] bool good() const { return wrong_.empty(); }
    [[nodiscard]] tl::unexpected<Error> error() const { return client_error("bad field: " + wrong_); }

  private:
    const Json* get(const char* name) const {
        if (object_ == nullptr || !object_->is_object()) return nullptr;
        const auto found = object_->find(name);
        return found == object_->end() ? nullptr : &*found;
    }
    [[nodiscard]] const PlainObject::Member* plain(const char* name, PlainObject::Kind kind) const {
        const auto* member = plain_->find(name);
        return member != nullptr && member->kind == kind ? member : nullptr;
    }
    [[nodiscard]] std::optional<std::string_view> find_text(const char* name) const {
        if (plain_ != nullptr) {
            const auto* member = plain(name, PlainObject::Kind::text);
            return member == nullptr ? std::nullopt : std::optional(member->text);
        }
        const Json* value = get(name);
        const auto* text = value == nullptr ? nullptr : value->get_ptr<const std::string*>();
        return text == nullptr ? std::nullopt : std::optional<std::string_view>(*text);
    }
    [[nodiscard]] std::optional<std::uint64_t> find_number(const char* name) const {
        if (plain_ != nullptr) {
            const auto* member = plain(name, PlainObject::Kind::number);
            return member == nullptr ? std::nullopt : std::optional(member->number);
        }
        const Json* value = get(name);
        const auto* number = value == nullptr ? nullptr : value->get_ptr<const Json::number_unsigned_t*>();
        return number == nullptr ? std::nullopt : std::optional<std::uint64_t>(*number);
    }
    const Json* object_ = nullptr;  // one of the two
    const PlainObject* plain_ = nullptr;
    std::string wrong_;
};

inline Json parse_json(std::string_view message) {
    if (message.size() > max_authz_message) return {};
    return Json::parse(message, nullptr, false);
}

// ---- of requests (wire_requests.cc)
[[nodiscard]] Json encode_client(const ClientContext& client);
[[nodiscard]] Result<ClientContext> parse_client(Fields& fields);
[[nodiscard]] inline Result<ClientContext> parse_client(const Json& object) {
    Fields fields(object);
    return parse_client(fields);
}
[[nodiscard]] Json encode_head(const RequestHead& head, const char* ask);

// ---- of replies (wire_replies.cc)
[[nodiscard]] std::string dump_reply(std::uint64_t id, const Json& body);
[[nodiscard]] tl::unexpected<Error> not_a_reply();
// The error that a reply stands for, if it is one.
[[nodiscard]] std::optional<Error> error_of_reply(const Json& message);

// ---- of questions about the key itself (wire_self.cc)
[[nodiscard]] Result<SelfRequest> parse_self_request(Fields& fields, ClientContext client);

// ---- of live sessions (wire_live.cc)
[[nodiscard]] Result<LiveNews> parse_live_news(Fields& fields, ClientContext client);
[[nodiscard]] Result<SessionsRequest> parse_sessions_request(Fields& fields, ClientContext client);
[[nodiscard]] Result<KillRequest> parse_kill_request(Fields& fields, ClientContext client);

}  // namespace gerve::wire
