#include "authz/wire/plain_message.h"

#include <algorithm>
#include <optional>

#include "authz/base/json_text.h"
#include "authz/base/text.h"

namespace gerve::wire {
namespace {

class Scanner {
  public:
    explicit Scanner(std::string_view rest) : rest_(rest) {}

    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool take(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    [[nodiscard]] bool next_is(char c) const { return !rest_.empty() && rest_.front() == c; }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

    std::optional<std::string_view> text() {
        if (!take('"')) return std::nullopt;
        const auto end = rest_.find('"');
        if (end == std::string_view::npos || !is_plain_json(rest_.substr(0, end))) return std::nullopt;
        const std::string_view found = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return found;
    }
    std::optional<std::uint64_t> number() {
        const auto end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
        const std::string_view digits = rest_.substr(0, end);
        if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
        const auto found = parse_decimal(digits);
        if (found) rest_.remove_prefix(end);
        return found;
    }

  private:
    std::string_view rest_;
};

bool take_member(Scanner& scanner, std::string_view name, PlainObject& into) {
    using Kind = PlainObject::Kind;
    if (scanner.next_is('"')) {
        const auto text = scanner.text();
        return text && into.add({name, Kind::text, *text});
    }
    if (scanner.take("true")) return into.add({name, Kind::flag, {}, 1});
    if (scanner.take("false")) return into.add({name, Kind::flag, {}, 0});
    const auto number = scanner.number();
    return number && into.add({name, Kind::number, {}, *number});
}

// `message`: for the object in it; null: it may have none.
bool take_object(Scanner& scanner, PlainObject& into, PlainMessage* message) {
    if (!scanner.take('{')) return false;
    do {
        const auto name = scanner.text();
        if (!name || !scanner.take(':')) return false;
        if (message != nullptr && *name == "client") {
            if (message->has_client || !take_object(scanner, message->client, nullptr)) return false;
            message->has_client = true;
        } else if (!take_member(scanner, *name, into)) {
            return false;
        }
    } while (scanner.take(','));
    return scanner.take('}');
}

}  // namespace

const PlainObject::Member* PlainObject::find(std::string_view name) const {
    for (std::size_t i = count_; i > 0; --i) {
        if (members_[i - 1].name == name) return &members_[i - 1];
    }
    return nullptr;
}

bool PlainObject::add(const Member& member) {
    if (count_ == members_.size()) return false;
    members_[count_++] = member;
    return true;
}

bool PlainMessage::parse(std::string_view message) {
    Scanner scanner(message);
    return take_object(scanner, outer, this) && scanner.at_end();
}

}  // namespace gerve::wire
