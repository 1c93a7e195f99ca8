#include "gerve/relay/grv1_report.h"

#include <algorithm>

#include "authz/base/big_endian.h"
#include "authz/base/display.h"
#include "authz/base/text.h"
#include "gerve/relay/grv1.h"

namespace gerve::grv1 {
namespace {

enum class Item : std::uint16_t { ref = 1, push = 2, fetch = 3, git_said = 4 };

constexpr std::size_t item_header = 4;

enum PushFlag : std::uint8_t { push_signed = 1 };
enum FetchFlag : std::uint8_t { fetch_clone = 1, fetch_shallow = 2, fetch_partial = 4 };

constexpr std::size_t ref_head = 4;  // outcome, forced, settled, bytes of an object id
constexpr std::size_t push_size = 17;
constexpr std::size_t fetch_size = 5;

std::string encode_item(Item type, std::string_view value) {
    std::string item;
    put_number(item, static_cast<std::uint16_t>(type));
    put_number(item, static_cast<std::uint16_t>(value.size()));
    item += value;
    return item;
}

std::string encode_change(const RefChange& change) {
    const std::string old_id = from_hex(change.old_id).value_or("");
    const std::string new_id = from_hex(change.new_id).value_or("");
    const std::string_view ref = std::string_view(change.ref).substr(0, RefChange::max_ref);
    std::string value;
    put_number(value, static_cast<std::uint8_t>(change.outcome));
    put_number(value, static_cast<std::uint8_t>(change.forced));
    put_number(value, static_cast<std::uint8_t>(change.settled ? 1 : 0));
    put_number(value, static_cast<std::uint8_t>(old_id.size()));
    value += old_id + new_id;
    put_number(value, static_cast<std::uint16_t>(ref.size()));
    value += ref;
    value += utf8_prefix(change.why, RefChange::max_why);
    return encode_item(Item::ref, value);
}

std::string encode_push(const PushFacts& push) {
    std::string value;
    for (const std::uint32_t count : {push.taken, push.refused, push.unknown, push.options})
        put_number(value, count);
    put_number(value, static_cast<std::uint8_t>(push.is_signed ? push_signed : 0));
    return encode_item(Item::push, value);
}

std::string encode_fetch(const FetchFacts& fetch) {
    std::string value;
    put_number(value, fetch.wants);
    put_number(value, static_cast<std::uint8_t>((fetch.clone ? fetch_clone : 0) |
                                                (fetch.shallow ? fetch_shallow : 0) |
                                                (fetch.partial ? fetch_partial : 0)));
    return encode_item(Item::fetch, value);
}

// Gathers items into frames.
class Frames {
  public:
    void add(const std::string& item) {
        if (payload_.size() + item.size() > max_report) flush();
        payload_ += item;
    }
    [[nodiscard]] std::string take() {
        flush();
        return std::move(out_);
    }

  private:
    void flush() {
        if (!payload_.empty()) out_ += encode_frame(FrameType::report, payload_);
        payload_.clear();
    }
    std::string payload_;
    std::string out_;
};

Result<void> bad_item(std::string_view what) {
    return client_error("GRV1 REPORT: bad " + std::string(what));
}

// Messages and events are UTF-8; names of refs need not be.
std::string readable(std::string_view text, std::size_t most) {
    return is_utf8(text) ? std::string(text) : std::string(utf8_prefix(displayed(text), most));
}

Result<void> take_change(std::string_view value, Report& into) {
    if (value.size() < ref_head) return bad_item("ref");
    const auto outcome = static_cast<unsigned char>(value[0]);
    const auto forced = static_cast<unsigned char>(value[1]);
    const auto settled = static_cast<unsigned char>(value[2]);
    const auto id_size = static_cast<unsigned char>(value[3]);
    value.remove_prefix(ref_head);
    const bool known = outcome < ref_outcome_names.size() && forced < forced_names.size() && settled <= 1 &&
                       (id_size == 20 || id_size == 32);
    if (!known || value.size() < 2U * id_size + 2) return bad_item("ref");
    RefChange change;
    change.outcome = static_cast<RefOutcome>(outcome);
    change.forced = static_cast<Forced>(forced);
    change.settled = settled == 1;
    change.old_id = to_hex(value.substr(0, id_size));
    change.new_id = to_hex(value.substr(id_size, id_size));
    value.remove_prefix(2U * id_size);
    const auto ref_size = get_number<std::uint16_t>(value);
    value.remove_prefix(2);
    const bool has_name = ref_size > 0 && ref_size <= RefChange::max_ref && ref_size <= value.size() &&
                          value.substr(0, ref_size).find('\0') == std::string_view::npos;
    if (!has_name || value.size() - ref_size > RefChange::max_why) return bad_item("ref");
    change.ref = readable(value.substr(0, ref_size), RefChange::max_ref);
    change.why = readable(value.substr(ref_size), RefChange::max_why);
    if (into.changes.size() < max_ref_changes) into.changes.push_back(std::move(change));
    return {};
}

Result<void> take_push(std::string_view value, Report& into) {
    if (value.size() != push_size) return bad_item("push");
    PushFacts push;
    for (std::uint32_t* count : {&push.taken, &push.refused, &push.unknown, &push.options}) {
        *count = get_number<std::uint32_t>(value);
        value.remove_prefix(sizeof *count);
    }
    push.is_signed = (value[0] & push_signed) != 0;
    into.push = push;
    return {};
}

Result<void> take_fetch(std::string_view value, Report& into) {
    if (value.size() != fetch_size) return bad_item("fetch");
    const auto flags = static_cast<unsigned char>(value.back());
    into.fetch = FetchFacts{get_number<std::uint32_t>(value), (flags & fetch_clone) != 0,
                            (flags & fetch_shallow) != 0, (flags & fetch_partial) != 0};
    return {};
}

Result<void> take_item(std::uint16_t type, std::string_view value, Report& into) {
    switch (static_cast<Item>(type)) {
        case Item::ref: return take_change(value, into);
        case Item::push: return take_push(value, into);
        case Item::fetch: return take_fetch(value, into);
        case Item::git_said: into.git_said = utf8_prefix(displayed(value), max_git_said); return {};
    }
    return {};
}

}  // namespace

std::string encode_report(const Report& report) {
    Frames frames;
    if (report.push) frames.add(encode_push(*report.push));
    if (report.fetch) frames.add(encode_fetch(*report.fetch));
    if (!report.git_said.empty())
        frames.add(encode_item(Item::git_said, utf8_prefix(report.git_said, max_git_said)));
    for (const RefChange& change : report.changes) frames.add(encode_change(change));
    return frames.take();
}

Result<void> parse_report(std::string_view payload, Report& into) {
    while (!payload.empty()) {
        if (payload.size() < item_header) return bad_item("item");
        const auto type = get_number<std::uint16_t>(payload);
        const auto size = get_number<std::uint16_t>(payload.substr(2));
        payload.remove_prefix(item_header);
        if (size > payload.size()) return bad_item("item");
        if (auto taken = take_item(type, payload.substr(0, size), into); !taken) return taken;
        payload.remove_prefix(size);
    }
    return {};
}

}  // namespace gerve::grv1
