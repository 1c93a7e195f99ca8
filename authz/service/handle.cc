#include "authz/service/handle.h"

#include <algorithm>

#include "authz/base/big_endian.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

// The second has one more byte at the end: the flags of checked_by_sshd.
constexpr char version = 1;
constexpr char version_with_flags = 2;
constexpr std::size_t max_text = 255;

// Inside the seal: fixed-size big-endian numbers, and texts behind one byte of length.
void put_text(std::string& out, std::string_view text) {
    out += static_cast<char>(text.size());
    out += text;
}

class Reader {
  public:
    explicit Reader(std::string_view rest) : rest_(rest) {}

    std::string_view bytes(std::size_t size) {
        good_ = good_ && rest_.size() >= size;
        if (!good_) return {};
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    unsigned char byte() {
        const std::string_view one = bytes(1);
        return one.empty() ? 0 : static_cast<unsigned char>(one.front());
    }
    std::int64_t number() {
        const std::string_view number = bytes(sizeof(std::int64_t));
        return number.empty() ? 0 : get_number<std::int64_t>(number);
    }
    std::string_view text() { return bytes(byte()); }
    [[nodiscard]] bool good_to_the_end() const { return good_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool good_ = true;
};

void put_holder(std::string& out, const User& user) {
    out += 'u';
    put_number(out, number_of(user.id));
    out += static_cast<char>(user.suspended);
    put_text(out, user.login.text());
}
void put_holder(std::string& out, const DeployKey& key) {
    out += 'd';
    put_number(out, number_of(key.repo_id));
    out += static_cast<char>(key.can_write);
    put_text(out, key.repo.text());
}

void put_holder(std::string& out, const SharedDeployKey& key) {
    out += 's';
    put_number(out, number_of(key.id));
    put_text(out, std::string_view(key.title).substr(0, max_text));
}

void put_holder(std::string& out, const CertifiedUser& certified) {
    const CertificateFacts& facts = certified.certificate;
    out += 'c';
    put_number(out, number_of(facts.authority));
    out += facts.authority_key.bytes();
    out += static_cast<char>(facts.organization.has_value());
    put_number(out, facts.organization ? number_of(*facts.organization) : 0);
    put_number(out, facts.serial);
    put_text(out, facts.key_id);
    out += facts.certificate.bytes();
    put_number(out, facts.expires);
    put_holder(out, certified.user);
}

std::optional<KeyHolder> read_plain_holder(Reader& reader, char kind) {
    const std::int64_t id = reader.number();
    const bool mark = reader.byte() != 0;
    const std::string_view name = reader.text();
    if (kind == 'u') {
        auto login = Login::parse(name);
        if (!login) return std::nullopt;
        return User{AccountId{id}, std::move(*login), mark};
    }
    auto repo = RepoPath::parse(name);
    if (kind != 'd' || !repo) return std::nullopt;
    return DeployKey{RepoId{id}, std::move(*repo), mark};
}

std::optional<KeyHolder> read_certified(Reader& reader) {
    const AuthorityId authority{reader.number()};
    auto authority_key = Fingerprint::parse_bytes(reader.bytes(Fingerprint::size));
    const bool has_organization = reader.byte() != 0;
    const AccountId organization{reader.number()};
    const auto serial = static_cast<std::uint64_t>(reader.number());
    std::string key_id(reader.text());
    auto certificate = Fingerprint::parse_bytes(reader.bytes(Fingerprint::size));
    const UnixMillis expires = reader.number();
    const auto holder = read_plain_holder(reader, static_cast<char>(reader.byte()));
    const User* user = holder ? user_of(*holder) : nullptr;
    if (!authority_key || !certificate || user == nullptr) return std::nullopt;
    CertificateFacts facts{authority,         std::move(*authority_key), {},     serial,
                           std::move(key_id), std::move(*certificate),   expires};
    if (has_organization) facts.organization = organization;
    return CertifiedUser{std::move(facts), *user};
}

std::optional<KeyHolder> read_holder(Reader& reader) {
    const char kind = static_cast<char>(reader.byte());
    if (kind == 's') {
        const KeyId id{reader.number()};
        return SharedDeployKey{id, std::string(reader.text())};
    }
    return kind == 'c' ? read_certified(reader) : read_plain_holder(reader, kind);
}

}  // namespace

HandleSeal::HandleSeal(const TicketKey& key, const std::vector<TicketKey>& others) {
    constexpr std::string_view purpose = "gerve handle v1";
    keys_.push_back(key.derive(purpose));
    for (const TicketKey& other : others) keys_.push_back(other.derive(purpose));
}

std::string HandleSeal::seal(const Handle& handle) const {
    std::string plain(1, handle.checked_by_sshd ? version_with_flags : version);
    plain += static_cast<char>(handle.given_to);
    put_number(plain, handle.issued);
    put_text(plain, std::string_view(handle.bound).substr(0, max_text));
    put_number(plain, number_of(handle.key.id));
    plain += handle.key.fingerprint.bytes();
    std::visit([&](const auto& holder) { put_holder(plain, holder); }, handle.key.holder);
    if (handle.checked_by_sshd) plain += static_cast<char>(handle.checked_by_sshd->flags);
    return to_base64(gerve::seal(keys_.front(), plain));
}

std::optional<Handle> HandleSeal::open(std::string_view text) const {
    const auto sealed = from_base64(text);
    std::string plain;
    const auto opens = [&](const Secret& key) { return open_sealed(key, *sealed, plain); };
    if (!sealed || std::none_of(keys_.begin(), keys_.end(), opens)) return std::nullopt;
    Reader reader(plain);
    const char form = static_cast<char>(reader.byte());
    if (form != version && form != version_with_flags) return std::nullopt;
    const auto given_to = static_cast<PeerKind>(reader.byte());
    const std::int64_t issued = reader.number();
    std::string bound(reader.text());
    const KeyId id{reader.number()};
    auto fingerprint = Fingerprint::parse_bytes(reader.bytes(Fingerprint::size));
    auto holder = read_holder(reader);
    std::optional<SecurityKeyUse> checked;
    if (form == version_with_flags) checked = SecurityKeyUse{reader.byte(), 0};
    if (!fingerprint || !holder || !reader.good_to_the_end()) return std::nullopt;
    return Handle{KnownKey{id, std::move(*fingerprint), std::move(*holder)}, given_to, std::move(bound),
                  issued, checked};
}

}  // namespace gerve
