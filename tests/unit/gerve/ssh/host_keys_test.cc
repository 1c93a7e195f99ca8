#include "gerve/ssh/host_keys.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/temporary.h"

using namespace gerve;

namespace {

Fingerprint fingerprint_at(const std::string& file) {
    const auto key = read_host_key(file);
    REQUIRE(key);
    return key->fingerprint();
}

// A directory with a serving Ed25519 key and an announced one.
struct State {
    TemporaryDirectory directory;
    std::string serving = make(HostKeyRole::serving);
    std::string next = make(HostKeyRole::announced);
    std::string dropped = host_key_file(directory.path, HostKeyType::ed25519, HostKeyRole::dropped);

    [[nodiscard]] std::string make(HostKeyRole role) const {
        const auto made = make_host_key(directory.path, HostKeyType::ed25519, role);
        REQUIRE(made);
        return *made;
    }
    [[nodiscard]] Result<void> drop(const Fingerprint& was_serving, const Fingerprint& was_next) const {
        return drop_host_key(directory.path, HostKeyType::ed25519, was_serving, was_next);
    }
};

}  // namespace

TEST_CASE("a host key and its public half are for their owner to write, and the public one for all to read") {
    const State state;
    struct stat found {};
    REQUIRE(::stat(state.serving.c_str(), &found) == 0);
    CHECK((found.st_mode & 07777) == 0600);
    REQUIRE(::stat((state.serving + ".pub").c_str(), &found) == 0);
    CHECK((found.st_mode & 07777) == 0644);
    if (::geteuid() != 0) return;
    REQUIRE(::chown(state.directory.path.c_str(), 4711, 4712) == 0);
    const std::string made = state.make(HostKeyRole::made);
    for (const std::string& file : {made, made + ".pub", state.directory.path + "/ssh_host_keys.lock"}) {
        REQUIRE(::stat(file.c_str(), &found) == 0);
        CHECK(found.st_uid == 4711);
        CHECK(found.st_gid == 4712);
    }
}

TEST_CASE("a key is dropped for the one that was judged, and for no other") {
    const State state;
    const Fingerprint first = fingerprint_at(state.serving);
    const Fingerprint second = fingerprint_at(state.next);
    CHECK(!state.drop(second, second));
    CHECK(!state.drop(first, first));
    CHECK(fingerprint_at(state.serving) == first);
    CHECK(fingerprint_at(state.next) == second);
    CHECK(state.drop(first, second));
    CHECK(fingerprint_at(state.serving) == second);
    CHECK(fingerprint_at(state.dropped) == first);
    CHECK(!std::filesystem::exists(state.next));
    CHECK(!state.drop(second, second));
}

TEST_CASE("the public half of another key does not stay beside a key that serves") {
    const State state;
    std::filesystem::remove(state.next + ".pub");
    CHECK(state.drop(fingerprint_at(state.serving), fingerprint_at(state.next)));
    CHECK(!std::filesystem::exists(state.serving + ".pub"));
}

TEST_CASE("an announced key is replaced only if that is asked for") {
    const State state;
    const Fingerprint announced = fingerprint_at(state.next);
    CHECK(!announce_host_key(state.directory.path, HostKeyType::ed25519, true));
    const Fingerprint made = fingerprint_at(state.make(HostKeyRole::made));
    CHECK(!announce_host_key(state.directory.path, HostKeyType::ed25519, false));
    CHECK(fingerprint_at(state.next) == announced);
    CHECK(announce_host_key(state.directory.path, HostKeyType::ed25519, true));
    CHECK(fingerprint_at(state.next) == made);
}
