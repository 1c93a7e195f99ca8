#include "gerve/cli/host_key_check.h"

#include "authz/base/clock.h"
#include "authz/base/text.h"
#include "gerve/cli/command.h"
#include "gerve/ssh/host_certificates.h"
#include "gerve/ssh/host_keys.h"

namespace gerve {
namespace {

class HostKeyLook {
  public:
    explicit HostKeyLook(const Config& config) : config_(config) {}

    HostKeyCheck run() {
        look_at_keys();
        look_at_certificates();
        return std::move(found_);
    }

  private:
    void say(std::string what, std::string told, int status) {
        found_.lines.push_back({std::move(what), std::move(told), status});
    }

    void look_at_keys() {
        std::vector<std::string> files = config_.ssh.host_keys;
        const bool own = files.empty();  // of the state directory
        if (own) {
            auto there = find_host_keys(config_.state);
            if (!there) {
                found_.complete = false;
                return say("host keys",
                           describe(there.error()) + "; run this as root, or as the user that runs Gerve",
                           refused_status);
            }
            files = std::move(*there);
        }
        if (files.empty()) return say("host keys", "`gerve serve` makes them at its first start", 0);
        std::vector<std::string> types;
        for (const std::string& file : files) {
            auto key = read_host_key(file);
            if (!key) {
                say("host keys", describe(key.error()), usage_status);
                found_.complete = false;
                continue;
            }
            types.push_back(key->algorithm());
            found_.keys.push_back({key->fingerprint().text(), type_of(*key)});
            keys_.push_back(std::move(*key));
        }
        if (!found_.complete) return;
        const std::string listed = join(types, ", ");
        const bool lacks = listed.find("ecdsa-") == std::string::npos;
        const char* hint = "; without an ECDSA key some clients (JSch) cannot connect: ";
        say("host keys",
            std::to_string(files.size()) + " usable: " + listed +
                (lacks ? hint + std::string(own ? "gerve host-key new ecdsa"
                                                : "ssh-keygen -t ecdsa, and add it to ssh.host_keys")
                       : ""),
            0);
    }

    void look_at_certificates() {
        const auto& files = config_.ssh.host_certificates;
        if (files.empty()) return;
        const char* what = "host certificates";
        if (!found_.complete) return say(what, "not checked: not all host keys can be read", 0);
        const HostCertificates all = read_host_certificates(files, keys_);
        for (const std::string& problem : all.problems) say(what, problem, usage_status);
        const UnixMillis now = unix_now();
        std::vector<std::string> valid;
        for (const HostCertificate& one : all.usable) {
            const HostCertificateState state = state_of(one.certificate, now);
            const bool ended = state == HostCertificateState::ended;
            const bool replaced = is_replaced(one, all.usable);
            if (ended && replaced) continue;
            const bool well = replaced && is_valid(one.certificate, now);
            const std::string advice = well ? "" : advice_on(one, now);
            if (advice.empty()) {
                valid.push_back(one.certificate.type() + " until " + end_text(one.certificate));
                continue;
            }
            const std::string& key = one.certificate.key().blob();
            const bool is_next =
                state == HostCertificateState::early && choose_certificate(all.usable, key, now) != nullptr;
            say(what, (ended || is_next ? "" : "warning: ") + advice, ended ? usage_status : 0);
        }
        if (!valid.empty()) say(what, std::to_string(valid.size()) + " valid: " + join(valid, ", "), 0);
    }

    const Config& config_;
    std::vector<PublicKey> keys_;
    HostKeyCheck found_;
};

}  // namespace

HostKeyCheck check_host_keys_of(const Config& config) {
    return HostKeyLook(config).run();
}

}  // namespace gerve
