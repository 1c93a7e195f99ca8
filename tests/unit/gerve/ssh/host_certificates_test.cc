#include "gerve/ssh/host_certificates.h"

#include <doctest/doctest.h>
#include <libssh/libssh.h>

#include <algorithm>
#include <functional>

#include "authz/base/fd.h"
#include "authz/base/ssh_fields.h"
#include "authz/base/text.h"
#include "gerve/ssh/server_identity.h"
#include "tests/unit/temporary.h"

using namespace gerve;

// As they are linked here: through the seam.
extern "C" {
int ssh_key_type_from_signature_name(const char* name);
int ssh_key_hash_from_name(const char* name);
}

namespace {

constexpr std::uint64_t now = 1'800'000'000;  // seconds
constexpr UnixMillis now_ms = 1'800'000'000'000;
constexpr std::uint64_t a_day = 24 * 3600;

struct HostParts {
    std::uint32_t kind = 2;
    std::vector<std::string> principals{"git.example.org"};
    std::uint64_t after = now - a_day;
    std::uint64_t before = now + 100 * a_day;
    std::string critical{};
    bool spoiled = false;  // the signature
};

// Real keys: the host's, and an authority's.
struct World {
    TemporaryDirectory directory;
    std::string ed25519 = make(directory.path, HostKeyType::ed25519, HostKeyRole::serving);
    std::string next = make(directory.path, HostKeyType::ed25519, HostKeyRole::announced);
    std::string rsa = make(directory.path, HostKeyType::rsa, HostKeyRole::serving);
    TemporaryDirectory authority_directory;
    std::string authority = make(authority_directory.path, HostKeyType::ecdsa, HostKeyRole::serving);

    static std::string make(const std::string& directory, HostKeyType type, HostKeyRole role) {
        const auto file = make_host_key(directory, type, role);
        REQUIRE(file);
        return *file;
    }
    static PublicKey key_in(const std::string& file) {
        const auto key = read_host_key(file);
        REQUIRE(key);
        return *key;
    }
    [[nodiscard]] std::vector<PublicKey> keys() const { return {key_in(ed25519), key_in(next), key_in(rsa)}; }

    // A file with a certificate of the key in `host_key`, signed by the key in `signer`.
    std::string certify(const std::string& host_key, const HostParts& parts, const std::string& signer) {
        const PublicKey key = key_in(host_key);
        const std::string type = key.algorithm() + "-cert-v01@openssh.com";
        std::string blob;
        put_field(blob, type);
        put_field(blob, "nonce");
        blob += key.blob().substr(4 + key.algorithm().size());
        put_number(blob, std::uint64_t{7});
        put_number(blob, parts.kind);
        put_field(blob, "the key id");
        std::string principals;
        for (const std::string& one : parts.principals) put_field(principals, one);
        put_field(blob, principals);
        put_number(blob, parts.after);
        put_number(blob, parts.before);
        std::string critical;
        if (!parts.critical.empty()) {
            put_field(critical, parts.critical);
            put_field(critical, "");
        }
        put_field(blob, critical);
        put_field(blob, "");
        put_field(blob, "");
        put_field(blob, key_in(signer).blob());
        const auto identity = ssh::ServerIdentity::load({}, {signer});
        REQUIRE(identity);
        const std::string signed_part = parts.spoiled ? blob + "x" : blob;
        const auto signature = identity->sign(key_in(signer).blob(), signed_part, "");
        REQUIRE(signature);
        put_field(blob, *signature);
        return write(type + " " + to_base64(blob) + " a comment\n");
    }
    std::string certify(const std::string& host_key, const HostParts& parts = {}) {
        return certify(host_key, parts, authority);
    }
    std::string write(const std::string& content) {
        std::string file = directory.path + "/cert-" + std::to_string(++files);
        REQUIRE(write_file(file, content, 0644));
        return file;
    }
    unsigned files = 0;
};

std::string refusal(const World& world, const std::string& file) {
    const auto read = read_host_certificate(file, world.keys());
    return read ? "" : describe(read.error());
}

Certificate read(const World& world, const std::string& file) {
    auto one = read_host_certificate(file, world.keys());
    REQUIRE_MESSAGE(one.has_value(), one.error().told);
    return one->certificate;
}

}  // namespace

TEST_CASE(
    "a certificate of a host key, the announced one too, is taken; each fault names its file and the "
    "remedy") {
    World world;
    for (const std::string& key : {world.ed25519, world.next, world.rsa})
        CHECK(refusal(world, world.certify(key)) == "");
    struct Fault {
        std::function<void(HostParts&)> make;
        const char* told;
    };
    for (const Fault& fault : {
             Fault{[](HostParts& parts) { parts.kind = 1; },
                   "is a certificate for a user; sign the host key"},
             Fault{[](HostParts& parts) { parts.principals.clear(); },
                   "names no host; sign the host key with"},
             Fault{[](HostParts& parts) { parts.critical = "force-command"; },
                   "has the critical option force-command"},
             Fault{[](HostParts& parts) { parts.spoiled = true; },
                   "has a signature that is not its authority's; sign"},
             Fault{[](HostParts& parts) { parts.before = parts.after; },
                   "expires before it becomes valid; sign"},
         }) {
        HostParts parts;
        fault.make(parts);
        const std::string file = world.certify(world.ed25519, parts);
        CHECK(refusal(world, file).starts_with(file + " " + fault.told));
    }
    const std::string stranger = world.certify(world.authority);
    CHECK(refusal(world, stranger).find("which is not a host key here") != std::string::npos);
    CHECK(refusal(world, world.directory.path + "/none").find("remove it from ssh.host_certificates") !=
          std::string::npos);
    CHECK(refusal(world, world.ed25519 + ".pub").find("ssh.host_certificates takes") != std::string::npos);
    CHECK(refusal(world, world.write("")).find("ssh.host_certificates takes") != std::string::npos);
}

TEST_CASE("a wrong certificate leaves the others and the plain keys as they are") {
    World world;
    HostParts of_user;
    of_user.kind = 1;
    SshConfig config;
    config.host_certificates = {world.certify(world.ed25519, of_user), world.certify(world.rsa)};
    const auto read = read_host_certificates(config.host_certificates, world.keys());
    CHECK(read.usable.size() == 1);
    REQUIRE(read.problems.size() == 1);
    CHECK(read.problems[0].starts_with(config.host_certificates[0]));
    const auto identity = ssh::ServerIdentity::load(config, {world.ed25519, world.rsa});
    REQUIRE(identity);
    CHECK(identity->announced().size() == 2);
    CHECK(identity->offer_certificates(now_ms).size() == 2);
}

TEST_CASE("a warning comes 14 days before the end, or when a third of a shorter life is left") {
    World world;
    const auto state_after = [&](std::uint64_t days, std::uint64_t life) {
        HostParts parts;
        parts.after = now;
        parts.before = now + life * a_day;
        const Certificate certificate = read(world, world.certify(world.ed25519, parts));
        return state_of(certificate, now_ms + static_cast<UnixMillis>(days * a_day * 1000));
    };
    using enum HostCertificateState;
    CHECK(state_after(85, 100) == valid);
    CHECK(state_after(87, 100) == ends_soon);
    CHECK(state_after(99, 100) == ends_soon);
    CHECK(state_after(100, 100) == ended);
    CHECK(state_after(5, 9) == valid);
    CHECK(state_after(7, 9) == ends_soon);
    HostParts parts;
    parts.after = now + 1;
    const std::string file = world.certify(world.ed25519, parts);
    const HostCertificate first{file, read(world, file)};
    CHECK(state_of(first.certificate, now_ms) == HostCertificateState::early);
    CHECK(advice_on(first, now_ms) ==
          file + " is not valid before 2027-01-15T08:00:01Z, and is offered from then on");
    CHECK(advice_on(first, now_ms + 1000) == "");
    const UnixMillis end = (static_cast<UnixMillis>(now + 100 * a_day)) * 1000;
    CHECK(advice_on(first, end - 1).starts_with(file + " expires at 2027-04-25T08:00:00Z: sign SHA256:"));
    CHECK(advice_on(first, end)
              .starts_with(file + " expired at 2027-04-25T08:00:00Z and is no longer offered"));
    parts.after = 0;
    parts.before = ~0ULL;
    const std::string forever = world.certify(world.ed25519, parts);
    CHECK(state_of(read(world, forever), now_ms) == valid);
    CHECK(end_text(read(world, forever)) == "the end of time");
}

TEST_CASE("a certificate is replaced by one of the same key that is valid when it ends, and ends later") {
    World world;
    const auto made = [&](const std::string& key, std::uint64_t from, std::uint64_t to) {
        HostParts parts;
        parts.after = now + from * a_day;
        parts.before = now + to * a_day;
        const std::string file = world.certify(key, parts);
        return HostCertificate{file, read(world, file)};
    };
    const HostCertificate one = made(world.ed25519, 0, 10);
    CHECK_FALSE(is_replaced(one, {one}));
    CHECK(is_replaced(one, {one, made(world.ed25519, 10, 20)}));
    CHECK_FALSE(is_replaced(one, {one, made(world.ed25519, 11, 20)}));
    CHECK_FALSE(is_replaced(one, {one, made(world.ed25519, 0, 9)}));
    CHECK_FALSE(is_replaced(one, {one, made(world.next, 0, 20)}));
}

TEST_CASE("of a key's certificates the one that ends last is offered, while it is valid and its key serves") {
    World world;
    HostParts shorter;
    shorter.before = now + 10 * a_day;
    HostParts later;
    later.after = now + 20 * a_day;
    later.before = now + 400 * a_day;
    SshConfig config;
    config.host_certificates = {world.certify(world.ed25519, shorter), world.certify(world.ed25519),
                                world.certify(world.ed25519, later), world.certify(world.next, later),
                                world.certify(world.rsa, shorter)};
    const auto identity = ssh::ServerIdentity::load(config, {world.ed25519, world.next, world.rsa});
    REQUIRE(identity);
    const auto names = [&](UnixMillis at) {
        std::string all;
        for (const auto& one : identity->offer_certificates(at)) {
            all += std::string(all.empty() ? "" : ",") + one.algorithm;
            CHECK(identity->fingerprint_of(one.blob) ==
                  World::key_in(one.algorithm[0] == 'r' ? world.rsa : world.ed25519).fingerprint());
        }
        return all;
    };
    CHECK(names(now_ms) ==
          "ssh-ed25519-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh."
          "com");
    CHECK(identity->offer_certificates(now_ms)[0].blob == read(world, config.host_certificates[1]).blob());
    const auto at = [](std::uint64_t days) { return now_ms + static_cast<UnixMillis>(days * a_day * 1000); };
    CHECK(names(at(10)) == "ssh-ed25519-cert-v01@openssh.com");
    CHECK(identity->offer_certificates(at(20))[0].blob == read(world, config.host_certificates[2]).blob());
    CHECK(names(at(400)) == "");
    CHECK(names(now_ms - 2 * static_cast<UnixMillis>(a_day) * 1000) == "");
    const PublicKey plain = World::key_in(world.next);
    CHECK(identity->fingerprint_of(plain.blob()) == plain.fingerprint());
}

namespace {

struct Silent final : ssh::PacketWatch {
    bool take_packet(std::uint8_t, std::string_view) override { return false; }
    void note_sent(std::uint8_t, std::string_view) override {}
    void note_signed(std::string_view) override {}
};

}  // namespace

TEST_CASE(
    "to libssh the algorithm of an offered certificate is that of its key, and of no other connection") {
    Silent watch;
    ssh::Seam seam(watch);
    ssh::Seam other(watch);
    const char* certified = "rsa-sha2-512-cert-v01@openssh.com";
    seam.offer_certificates({{certified, "rsa-sha2-512", "blob"}});
    {
        const ssh::Seam::Inside inside(seam);
        CHECK(ssh_key_type_from_signature_name(certified) == SSH_KEYTYPE_RSA);
        CHECK(ssh_key_hash_from_name(certified) == ssh_key_hash_from_name("rsa-sha2-512"));
        REQUIRE(seam.agreed_certificate() != nullptr);
        CHECK(seam.agreed_certificate()->blob == "blob");
        {
            const ssh::Seam::Inside nested(other);
            CHECK(ssh_key_type_from_signature_name(certified) != SSH_KEYTYPE_RSA);
            CHECK(other.agreed_certificate() == nullptr);
        }
        // The next key exchange, by a plain key.
        CHECK(ssh_key_type_from_signature_name("ssh-ed25519") == SSH_KEYTYPE_ED25519);
        CHECK(seam.agreed_certificate() == nullptr);
    }
    CHECK(ssh_key_type_from_signature_name(certified) != SSH_KEYTYPE_RSA);
}
