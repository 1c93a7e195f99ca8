// gerve-authorized-keys: sshd's AuthorizedKeysCommand. Asks authz whose key is offered; prints at most one
// line.

#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "authz/base/text.h"
#include "authz/base/version.h"
#include "authz/os/hardening.h"
#include "authz/wire/client.h"
#include "sshd-plugin/authorized_keys.h"
#include "sshd-plugin/command_line.h"
#include "sshd-plugin/installation.h"
#include "sshd-plugin/trouble.h"

namespace gerve::sshd {
namespace {

constexpr const char* program = "gerve-authorized-keys";
constexpr const char* usage =
    "usage: gerve-authorized-keys [--socket PATH] [--shell PATH] [--timeout TIME] [--login NAME]…\n"
    "                             [--notice FILE] USER TYPE KEY FINGERPRINT [CONNECTION]\n"
    "In sshd_config: AuthorizedKeysCommand ";

enum Exit { answered = 0, in_trouble = 1, misused = 2 };

struct Settings {
    Installation installation;
    std::string shell;
    std::chrono::milliseconds patience{2'000};
    std::vector<std::string> words;  // %u %t %k %f
};

std::string own_path() {
    char path[4096];
    const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
    if (size <= 0 || size == sizeof path) return {};
    return std::string(path, static_cast<std::size_t>(size));
}

// gerve-shell lies in the same directory.
std::string shell_beside_me() {
    const std::string own = own_path();
    return own.empty() ? own : own.substr(0, own.rfind('/') + 1) + "gerve-shell";
}

bool print_usage() {
    return std::puts((usage + own_path() + " %u %t %k %f").c_str()) < 0;
}

Result<Settings> read_settings(const std::vector<std::string>& arguments) {
    Settings settings;
    std::string socket;
    std::string notice;
    std::vector<std::string> logins;
    auto words = take_options(
        arguments, {{"--socket", [&](std::string_view value) { return take_path(value, socket); }},
                    {"--shell", [&](std::string_view value) { return take_path(value, settings.shell); }},
                    {"--notice", [&](std::string_view value) { return take_path(value, notice); }},
                    {"--login",
                     [&](std::string_view value) -> Result<void> {
                         logins.emplace_back(value);
                         return {};
                     }},
                    {"--timeout", [&](std::string_view value) -> Result<void> {
                         const auto patience = parse_patience(value);
                         if (!patience) return pass_on(patience);
                         settings.patience = *patience;
                         return {};
                     }}});
    if (!words) return pass_on(words);
    if (words->size() < 4 || words->size() > 5) return client_error("needs %u %t %k %f");
    settings.words = std::move(*words);
    if (socket.empty()) {
        auto found = find_installation();
        if (!found) return pass_on(found);
        settings.installation = std::move(*found);
    } else {
        settings.installation.socket = socket;
    }
    if (!notice.empty()) settings.installation.notice = notice;
    if (!logins.empty()) settings.installation.logins = logins;
    if (settings.shell.empty()) settings.shell = shell_beside_me();
    return settings;
}

// Whatever hangs (a file system, the system log), sshd waits no longer than this.
void limit_life(std::chrono::milliseconds patience) {
    const auto most = patience + std::chrono::milliseconds(500);
    itimerval timer{};
    timer.it_value.tv_sec = most.count() / 1000;
    timer.it_value.tv_usec = most.count() % 1000 * 1000;
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

Exit trouble(const std::string& what) {
    tell_trouble(program, what);
    return in_trouble;
}

// The system log tells which rule refuses a certificate.
Result<std::optional<KeyFound>> ask(AuthzClient& authz, const Offer& offer) {
    const ClientContext client{offer.address, "", "", Door::sshd};
    if (!offer.certificate) return authz.ask(KeyRequest{offer.key, offer.login, false, client, false, true});
    auto reply =
        authz.ask(CertificateRequest{offer.certificate->blob(), offer.login, false, client, false, true});
    if (!reply) return pass_on(reply);
    if (auto* found = std::get_if<KeyFound>(&*reply)) return std::optional(std::move(*found));
    if (const auto* refused = std::get_if<CertificateRefused>(&*reply))
        tell_refusal(program, "certificate refused by the rule " + printable(refused->rule, 64) + ": " +
                                  printable(refused->why, 1024));
    return std::optional<KeyFound>();
}

Exit answer(const Settings& settings) {
    const auto offer = parse_offer(settings.words);
    if (!offer) return offer.error().kind == ErrorKind::client ? answered : trouble(describe(offer.error()));
    const auto& [socket, logins, notice] = settings.installation;
    if (std::find(logins.begin(), logins.end(), offer->login) == logins.end()) return answered;
    AuthzClient authz(socket, settings.patience);
    const auto found = ask(authz, *offer);
    const std::string fingerprint = offer->key.fingerprint().text();
    if (!found) return trouble("no answer for " + fingerprint + ": " + describe(found.error()));
    if (!*found) return answered;
    const ForcedCommand command{settings.shell, socket == default_socket ? "" : socket, notice};
    const auto line = make_line(command, **found, *offer);
    if (!line && line.error().kind == ErrorKind::client) {
        tell_refusal(program, "certificate of " + fingerprint + ": " + line.error().told);
        return answered;
    }
    if (!line) return trouble("no answer for " + fingerprint + ": " + describe(line.error()));
    if (::write(STDOUT_FILENO, line->data(), line->size()) != static_cast<ssize_t>(line->size())) {
        return trouble(errno_text("cannot answer sshd"));
    }
    return answered;
}

int run(const std::vector<std::string>& arguments) {
    if (arguments.size() == 1 && arguments[0] == "--help") return print_usage();
    if (arguments.size() == 1 && arguments[0] == "--version")
        return std::puts(("gerve " + version_text()).c_str()) < 0;
    if (const auto hardened = harden_process(); !hardened) {
        tell_trouble(program, describe(hardened.error()));
        return in_trouble;
    }
    limit_life(std::chrono::seconds(2));
    const auto settings = read_settings(arguments);
    if (!settings) {
        tell_trouble(program, describe(settings.error()));
        return settings.error().kind == ErrorKind::client ? misused : in_trouble;
    }
    limit_life(settings->patience);
    return answer(*settings);
}

}  // namespace
}  // namespace gerve::sshd

int main(int argc, char** argv) {
    return gerve::sshd::run(std::vector<std::string>(argv + 1, argv + argc));
}
