#include "authz/model/ticket.h"

#include "authz/base/big_endian.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

enum class Tlv : std::uint16_t {
    service = 1,
    owner = 2,
    storage_path = 3,
    git_protocol = 4,
    request_id = 5,
    key_id = 6,
    time = 7,
    nonce = 8,
    audience = 9,
    env = 10,
    config = 11,
    repo_id = 12,
    admin = 13,
    admin_argument = 14,
    takes_report = 16,
    keep_lost = 17,
    max_push = 18,
    max_repository = 19,
    max_owner = 20,
    max_object = 21,
    connection = 22,
    write_refusal = 23,
    requires_objects = 24,
    object_format = 0x800f,  // critical: an agent that does not know it must not make a repository of SHA-1
    hook_variable = 0x8019,  // critical: hooks that lack what they decide by must not run
};

constexpr std::uint16_t critical_bit = 0x8000;

void put_tlv(std::string& out, Tlv type, std::string_view value) {
    put_number(out, static_cast<std::uint16_t>(type));
    put_number(out, static_cast<std::uint16_t>(value.size()));
    out += value;
}

template <class Number>
std::string number_bytes(Number number) {
    std::string bytes;
    put_number(bytes, number);
    return bytes;
}

std::string encode_tlvs(const Open& open, const TicketKey* key) {
    std::string out;
    put_tlv(out, Tlv::service, number_bytes(static_cast<std::uint8_t>(open.service)));
    put_tlv(out, Tlv::owner, open.owner);
    put_tlv(out, Tlv::storage_path, open.storage_path);
    if (open.git_protocol) put_tlv(out, Tlv::git_protocol, *open.git_protocol);
    put_tlv(out, Tlv::request_id, open.request_id);
    if (key != nullptr) put_tlv(out, Tlv::key_id, key->id());
    put_tlv(out, Tlv::time, number_bytes(static_cast<std::uint64_t>(open.time)));
    put_tlv(out, Tlv::nonce, open.nonce);
    put_tlv(out, Tlv::audience, open.audience);
    for (const auto& [name, value] : open.env) put_tlv(out, Tlv::env, name + "=" + value);
    for (const auto& [name, value] : open.config) put_tlv(out, Tlv::config, name + "=" + value);
    if (open.repo_id != 0) put_tlv(out, Tlv::repo_id, number_bytes(open.repo_id));
    if (!open.admin.empty()) put_tlv(out, Tlv::admin, open.admin);
    if (!open.admin_argument.empty()) put_tlv(out, Tlv::admin_argument, open.admin_argument);
    if (!open.object_format.empty()) put_tlv(out, Tlv::object_format, open.object_format);
    if (open.takes_report) put_tlv(out, Tlv::takes_report, number_bytes(std::uint8_t{1}));
    if (open.service == Service::admin || needs_write(open.service))
        put_tlv(out, Tlv::keep_lost, number_bytes(static_cast<std::uint32_t>(open.keep_lost.count())));
    if (!open.write_refusal.empty()) put_tlv(out, Tlv::write_refusal, open.write_refusal);
    if (open.sizes.push != 0) put_tlv(out, Tlv::max_push, number_bytes(open.sizes.push));
    if (open.sizes.repository != 0) put_tlv(out, Tlv::max_repository, number_bytes(open.sizes.repository));
    if (open.sizes.owner != 0) put_tlv(out, Tlv::max_owner, number_bytes(open.sizes.owner));
    if (open.max_object != 0) put_tlv(out, Tlv::max_object, number_bytes(open.max_object));
    if (!open.connection.empty()) put_tlv(out, Tlv::connection, open.connection);
    if (open.requires_objects) put_tlv(out, Tlv::requires_objects, number_bytes(std::uint8_t{1}));
    for (const auto& [name, value] : open.hooks.list()) put_tlv(out, Tlv::hook_variable, name + "=" + value);
    return out;
}

Result<void> bad_tlv(std::uint16_t type) {
    return client_error("bad TLV " + std::to_string(type));
}

Result<void> take_text(std::string& field, std::string_view value, std::uint16_t type, std::size_t size = 0) {
    if (size != 0 && value.size() != size) return bad_tlv(type);
    if (value.empty() || value.find('\0') != std::string_view::npos) {
        if (size == 0) return bad_tlv(type);  // fixed-size fields are binary
    }
    field.assign(value);
    return {};
}

template <class Number>
Result<void> take_number(Number& field, std::string_view value, std::uint16_t type) {
    if (value.size() != sizeof(Number)) return bad_tlv(type);
    field = get_number<Number>(value);
    return {};
}

Result<void> take_pair(std::vector<NameValue>& list, std::string_view value, std::uint16_t type) {
    const auto equals = value.find('=');
    if (equals == std::string_view::npos || equals == 0 || value.find('\0') != std::string_view::npos) {
        return bad_tlv(type);
    }
    list.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    return {};
}

Result<void> take_hook_variable(HookVariables& hooks, std::string_view value, std::uint16_t type) {
    const auto equals = value.find('=');
    if (equals == std::string_view::npos) return bad_tlv(type);
    return hooks.add(value.substr(0, equals), value.substr(equals + 1));
}

Result<void> take_service(Service& service, std::string_view value, std::uint16_t type) {
    std::uint8_t number = 0;
    if (!take_number(number, value, type)) return bad_tlv(type);
    service = static_cast<Service>(number);
    if (service != Service::admin && find_row(service) == nullptr) return bad_tlv(type);
    return {};
}

Result<void> take_flag(bool& field, std::string_view value, std::uint16_t type) {
    std::uint8_t number = 0;
    if (!take_number(number, value, type) || number > 1) return bad_tlv(type);
    field = number == 1;
    return {};
}

Result<void> take_days(std::chrono::days& field, std::string_view value, std::uint16_t type) {
    constexpr std::uint32_t most = 100 * 366;
    std::uint32_t number = 0;
    if (!take_number(number, value, type) || number > most) return bad_tlv(type);
    field = std::chrono::days(number);
    return {};
}

Result<void> take_size(std::uint64_t& field, std::string_view value, std::uint16_t type) {
    std::uint64_t number = 0;
    if (!take_number(number, value, type) || number > max_size_limit) return bad_tlv(type);
    field = number;
    return {};
}

Result<void> take_tlv(ReceivedOpen& received, std::uint16_t type, std::string_view value) {
    Open& open = received.open;
    switch (static_cast<Tlv>(type)) {
        case Tlv::service: return take_service(open.service, value, type);
        case Tlv::owner: return take_text(open.owner, value, type);
        case Tlv::storage_path: return take_text(open.storage_path, value, type);
        case Tlv::git_protocol: return take_text(open.git_protocol.emplace(), value, type);
        case Tlv::request_id: return take_text(open.request_id, value, type, 16);
        case Tlv::key_id: return take_text(received.key_id, value, type, TicketKey::id_size);
        case Tlv::time: return take_number(open.time, value, type);
        case Tlv::nonce: return take_text(open.nonce, value, type, 16);
        case Tlv::audience: return take_text(open.audience, value, type);
        case Tlv::env: return take_pair(open.env, value, type);
        case Tlv::config: return take_pair(open.config, value, type);
        case Tlv::repo_id: return take_number(open.repo_id, value, type);
        case Tlv::admin: return take_text(open.admin, value, type);
        case Tlv::admin_argument: return take_text(open.admin_argument, value, type);
        case Tlv::takes_report: return take_flag(open.takes_report, value, type);
        case Tlv::keep_lost: return take_days(open.keep_lost, value, type);
        case Tlv::max_push: return take_size(open.sizes.push, value, type);
        case Tlv::max_repository: return take_size(open.sizes.repository, value, type);
        case Tlv::max_owner: return take_size(open.sizes.owner, value, type);
        case Tlv::max_object: return take_size(open.max_object, value, type);
        case Tlv::write_refusal: return take_text(open.write_refusal, value, type);
        case Tlv::connection: return take_text(open.connection, value, type, 16);
        case Tlv::requires_objects: return take_flag(open.requires_objects, value, type);
        case Tlv::hook_variable: return take_hook_variable(open.hooks, value, type);
        case Tlv::object_format:
            if (!open.object_format.empty()) return client_error("repeated TLV " + std::to_string(type));
            return take_text(open.object_format, value, type);
    }
    if ((type & critical_bit) != 0) return client_error("unknown critical TLV " + std::to_string(type));
    return {};
}

bool may_repeat(std::uint16_t type) {
    return type == static_cast<std::uint16_t>(Tlv::env) || type == static_cast<std::uint16_t>(Tlv::config);
}

Result<void> take_tlvs(ReceivedOpen& received, std::string_view rest) {
    std::uint32_t seen = 0;  // bit set of the types that may stand once
    while (!rest.empty()) {
        if (rest.size() < 4) return client_error("truncated TLV");
        const auto type = get_number<std::uint16_t>(rest);
        const auto size = get_number<std::uint16_t>(rest.substr(2));
        if (rest.size() - 4 < size) return client_error("truncated TLV " + std::to_string(type));
        if (type < 32 && !may_repeat(type)) {
            if ((seen >> type & 1) != 0) return client_error("repeated TLV " + std::to_string(type));
            seen |= 1U << type;
        }
        if (auto taken = take_tlv(received, type, rest.substr(4, size)); !taken) return taken;
        rest.remove_prefix(4U + size);
    }
    for (const Tlv needed : {Tlv::service, Tlv::owner, Tlv::storage_path, Tlv::request_id, Tlv::time,
                             Tlv::nonce, Tlv::audience}) {
        if ((seen >> static_cast<unsigned>(needed) & 1) == 0) {
            return client_error("missing TLV " + std::to_string(static_cast<unsigned>(needed)));
        }
    }
    return {};
}

}  // namespace

TicketKey TicketKey::make() {
    return TicketKey(random_bytes(id_size), random_bytes(secret_size));
}

Result<TicketKey> TicketKey::parse(std::string_view file_content) {
    const auto words = split(trim(file_content), ' ');
    if (words.size() == 3 && words[0] == "gerve-ticket-key-v1") {
        auto id = from_hex(words[1]);
        auto secret = from_hex(words[2]);
        if (id && secret && id->size() == id_size && secret->size() == secret_size) {
            return TicketKey(std::move(*id), std::move(*secret));
        }
    }
    return internal_error("not a ticket key: make one with `gerve ticket-key new FILE`");
}

std::string TicketKey::file_content() const {
    return "gerve-ticket-key-v1 " + to_hex(id_) + " " + to_hex(secret_.view()) + "\n";
}

std::string TicketKey::sign(std::string_view bytes) const {
    return hmac_sha256(secret_.view(), bytes);
}

Secret TicketKey::derive(std::string_view purpose) const {
    return Secret(hmac_sha256(secret_.view(), purpose));
}

std::string encode_open(const Open& open, const TicketKey* key) {
    const std::string tlvs = encode_tlvs(open, key);
    std::string message(grv1_open_magic);
    message += static_cast<char>(grv1_version);
    message += static_cast<char>(grv1_version);
    put_number(message, std::uint16_t{0});
    put_number(message, static_cast<std::uint32_t>(tlvs.size()));
    message += tlvs;
    message += key != nullptr ? key->sign(message) : std::string(grv1_mac_size, '\0');
    return message;
}

Result<std::size_t> open_size(std::string_view header) {
    if (header.size() < grv1_open_header_size || !header.starts_with(grv1_open_magic))
        return client_error("not GRV1");
    const auto size = get_number<std::uint32_t>(header.substr(8));
    if (size > grv1_max_tlvs) return client_error("OPEN is too large");
    return grv1_open_header_size + size + grv1_mac_size;
}

Result<ReceivedOpen> parse_open(std::string_view message) {
    const auto size = open_size(message);
    if (!size) return pass_on(size);
    if (message.size() != *size) return client_error("truncated OPEN");
    ReceivedOpen received;
    received.version_min = static_cast<std::uint8_t>(message[4]);
    received.version_max = static_cast<std::uint8_t>(message[5]);
    received.signed_bytes.assign(message.substr(0, message.size() - grv1_mac_size));
    received.mac.assign(message.substr(message.size() - grv1_mac_size));
    const std::string_view tlvs = std::string_view(received.signed_bytes).substr(grv1_open_header_size);
    if (auto taken = take_tlvs(received, tlvs); !taken) return pass_on(taken);
    return received;
}

bool is_signed_by(const ReceivedOpen& received, const TicketKey& key) {
    return equal_in_constant_time(received.mac, key.sign(received.signed_bytes));
}

}  // namespace gerve
