#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "authz/base/fd.h"
#include "authz/os/spawn.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/installed.h"
#include "gerve/cli/local_user.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"
#include "gerve/cli/sshd_settings.h"
#include "gerve/cli/sshd_surroundings.h"

namespace gerve {
namespace {

struct SshdSetupValues {
    bool check = false;
    bool json = false;
    std::string file;
    std::string user = "git";
    std::string sshd = "/usr/sbin/sshd";
};

constexpr const char* default_keys_user = "gerve-keys";

std::string keys_user_of(const Config& config) {
    return config.authz.authorized_keys_user.empty() ? default_keys_user : config.authz.authorized_keys_user;
}

// What gerve-authorized-keys is told: it reads /etc/gerve/gerve.toml by itself.
std::string keys_arguments(const Config& config, const std::string& user) {
    if (config.file == "/etc/gerve/gerve.toml") return "";
    return " --socket " + config.authz_socket() + (user == "git" ? "" : " --login " + user);
}

// `from` occurs once.
void exchange(std::string& text, std::string_view from, const std::string& to) {
    const auto at = text.find(from);
    if (at != std::string::npos) text.replace(at, from.size(), to);
}

// The profile that is tested, without the comment at its head.
std::string snippet(const Config& config, const std::string& user) {
    std::string text = sshd_profile;
    text.erase(0, text.find("\n\n") + 2);
    exchange(text, "Match User git\n", "Match User " + user + "\n");
    exchange(text, "/gerve-authorized-keys ", "/gerve-authorized-keys" + keys_arguments(config, user) + " ");
    exchange(text, "AuthorizedKeysCommandUser gerve-keys\n",
             "AuthorizedKeysCommandUser " + keys_user_of(config) + "\n");
    return text;
}

// The commands that let others pass to the sockets, where the unit's directories are not meant.
std::string passages(const Config& config) {
    std::set<std::string> directories;
    std::vector<std::string> sockets{config.authz_socket()};
    if (config.embedded) sockets.push_back(config.local_agent_socket());
    for (const std::string& socket : sockets) directories.insert(socket.substr(0, socket.rfind('/')));
    std::string lines;
    for (const std::string& directory : directories) {
        const bool units = directory == "/run/gerve" || directory == "/var/lib/gerve";
        lines +=
            units ? "#    " + directory + ": gerve.service does this\n" : "chmod o+x " + directory + "\n";
    }
    return lines;
}

// As a shell script: what is to be read stands behind #.
void print_setup(const Config& config, const std::string& user) {
    const std::string keys = keys_user_of(config);
    std::printf(
        "# 1. users\n"
        "useradd --system --home-dir /var/lib/gerve-shell --create-home --shell %s/gerve-shell "
        "%s\n"
        "usermod --password '*' %s    # no password, and not locked\n"
        "useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin %s\n\n"
        "# 2. in %s, then reload\n"
        "#    [authz]\n"
        "#    socket = \"%s\"\n"
        "#    authorized_keys_user = \"%s\"\n"
        "#    forced_command_user = \"%s\"\n\n"
        "# 3. both users must reach the sockets: every directory above them needs x for others\n"
        "%s\n"
        "# 4. sshd requires this of the program and of every directory above it\n"
        "(cd %s && chown root:root . gerve-authorized-keys && chmod 755 . gerve-authorized-keys "
        "gerve-shell)\n\n"
        "# 5. sshd's configuration\n"
        "cat >/etc/ssh/sshd_config.d/gerve.conf <<'END'\n%sEND\n"
        "sshd -t && systemctl reload ssh\n"
        "#    sshd reports neither what a security key signed nor the key exchange: each login has to meet\n"
        "#    the strictest touch and PIN of `gerve org policy` that may concern its holder, and "
        "repositories\n"
        "#    of an organisation with --post-quantum are refused\n\n"
        "# 6. check all of it\n"
        "gerve sshd-setup --check\n",
        sshd_programs, user.c_str(), user.c_str(), keys.c_str(),
        config.file.empty() ? "/etc/gerve/gerve.toml" : config.file.c_str(), config.authz_socket().c_str(),
        keys.c_str(), user.c_str(), passages(config).c_str(), sshd_programs, snippet(config, user).c_str());
}

// What the program prints on stdout and stderr. Error: internal, with that, when it fails.
Result<std::string> output_of(const std::vector<std::string>& words) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return internal_error(errno_text("pipe"));
    const Fd read_end(ends[0]);
    Fd write_end(ends[1]);
    pid_t child = 0;
    errno = spawn({.program = words[0],
                   .words = words,
                   .environment = own_environment(),
                   .descriptors = {{write_end.get(), STDOUT_FILENO}, {write_end.get(), STDERR_FILENO}},
                   .own_group = false,
                   .closes_others = false},
                  child);
    if (errno != 0) return internal_error(errno_text("cannot run " + words[0]));
    write_end.reset();
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::read(read_end.get(), buffer.data(), buffer.size())) > 0;) {
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) return internal_error(words[0] + " refuses its configuration: " + text);
    return text;
}

Result<SshdSettings> settings_of(const SshdSetupValues& values) {
    std::vector<std::string> words{
        values.sshd, "-T", "-C",
        "user=" + values.user + ",host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"};
    if (!values.file.empty()) words.insert(words.end(), {"-f", values.file});
    const auto printed = output_of(words);
    if (!printed) return pass_on(printed);
    return parse_sshd_settings(*printed);
}

class SshdCheck {
  public:
    SshdCheck(const Config& config, const SshdSetupValues& values, const SshdSettings& settings)
        : config_(config), login_(values.user), settings_(settings), keys_user_(keys_user(settings)) {}

    std::vector<CheckLine> run() {
        findings_ = check_sshd_settings(settings_, login_);
        check_programs();
        findings_.push_back(check_git_account(login_, uses_pam(settings_)));
        check_sockets();
        check_keys();
        check_names();
        return std::move(findings_);
    }

  private:
    void check_programs() {
        const std::string program = keys_program(settings_);
        if (program.empty()) return;
        findings_.push_back(check_program(program));
        if (!keys_user_.empty()) findings_.push_back(check_runnable(program, keys_user_));
        const auto named = keys_options(settings_, "--shell");
        const std::string beside = program.substr(0, program.rfind('/') + 1) + "gerve-shell";
        findings_.push_back(check_runnable(named.empty() ? beside : named.back(), login_));
    }

    void check_sockets() {
        const auto named = keys_options(settings_, "--socket");
        const std::string socket = named.empty() ? config_.authz_socket() : named.back();
        if (socket != config_.authz_socket()) {
            findings_.push_back(bad_line(
                "--socket",
                "is " + socket + "; this configuration's authz listens on " + config_.authz_socket()));
        }
        if (!keys_user_.empty()) findings_.push_back(check_socket(socket, keys_user_));
        findings_.push_back(check_socket(socket, login_));
        if (config_.embedded) findings_.push_back(check_socket(config_.local_agent_socket(), login_));
    }

    // authz belongs to whom its socket belongs to.
    void check_keys() {
        const std::string owner = LocalUser::owner_of(config_.authz_socket());
        for (const std::string& file : config_.ticket_key_files()) {
            if (!owner.empty()) findings_.push_back(check_ticket_key(file, owner));
            for (const std::string& other : {keys_user_, login_}) {
                if (!other.empty()) findings_.push_back(check_hidden(file, other));
            }
        }
    }

    void check_names() {
        const auto expect = [&](const std::string& key, const std::string& is, const std::string& wanted) {
            findings_.push_back(
                is == wanted ? good_line("authz." + key, is)
                             : bad_line("authz." + key, "is \"" + is + "\"; set " + key + " = \"" + wanted +
                                                            "\" and reload: authz answers no other user"));
        };
        if (!keys_user_.empty()) {
            expect("authorized_keys_user", config_.authz.authorized_keys_user, keys_user_);
        }
        expect("forced_command_user", config_.authz.forced_command_user, login_);
        auto logins = keys_options(settings_, "--login");
        const bool reads_configuration = keys_options(settings_, "--socket").empty();
        if (logins.empty())
            logins = reads_configuration ? config_.ssh.logins : std::vector<std::string>{"git"};
        const bool served = std::find(logins.begin(), logins.end(), login_) != logins.end();
        findings_.push_back(
            served ? good_line("login name", login_)
                   : bad_line("login name",
                              login_ + " is not served; " +
                                  (reads_configuration ? "add it to ssh.logins"
                                                       : "give gerve-authorized-keys --login " + login_)));
    }

    const Config& config_;
    const std::string& login_;
    const SshdSettings& settings_;
    const std::string keys_user_;
    std::vector<CheckLine> findings_;
};

std::vector<CheckLine> check(const Config& config, const SshdSetupValues& values) {
    const auto settings = settings_of(values);
    if (!settings) return {bad_line("sshd", describe(settings.error()))};
    return SshdCheck(config, values, *settings).run();
}

int run_setup(Site& site, const SshdSetupValues& values) {
    const Config& config = site.config();
    if (values.check) return print_checks(check(config, values), values.json);
    if (values.json) {
        print_json({{"sshd_config", snippet(config, values.user)}});
    } else {
        print_setup(config, values.user);
    }
    return 0;
}

}  // namespace

void declare_sshd_setup(Command& root) {
    const auto values = std::make_shared<SshdSetupValues>();
    root.command("sshd-setup", "Print the configuration of an sshd in front of Gerve, or check it.",
                 [values](Site& site) { return run_setup(site, *values); })
        .flag("--check", "Report what is missing or wrong, and how to fix it", values->check)
        .option("--sshd-config", "FILE", "sshd's configuration (default: its own)", word(values->file))
        .option("--user", "LOGIN", "The account that git clients log in as (default: git)",
                word(values->user))
        .option("--sshd", "PATH", "The sshd to query (default: /usr/sbin/sshd)", word(values->sshd))
        .json(values->json)
        .examples({"gerve sshd-setup", "gerve sshd-setup --check --json"},
                  "Exit status: 0 all is well, 1 something is wrong, 2 wrong usage or configuration.");
}

}  // namespace gerve
