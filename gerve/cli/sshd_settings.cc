#include "gerve/cli/sshd_settings.h"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>

#include "authz/base/text.h"
#include "authz/os/system_user.h"
#include "gerve/cli/installed.h"
#include "gerve/cli/local_user.h"

namespace gerve {
namespace {

std::string value_of(const SshdSettings& settings, const std::string& keyword) {
    const auto found = settings.find(keyword);
    return found == settings.end() ? "" : found->second;
}

// Of all lines with the keyword.
std::vector<std::string> words_of(const SshdSettings& settings, const std::string& keyword) {
    std::vector<std::string> words;
    const auto [first, last] = settings.equal_range(keyword);
    for (auto at = first; at != last; ++at) {
        for (const std::string_view word : split(at->second, ' ')) words.emplace_back(word);
    }
    return words;
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& text) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return ::fnmatch(pattern.substr(0, pattern.find('@')).c_str(), text.c_str(), 0) == 0;
    });
}

CheckLine expect(const SshdSettings& settings, const std::string& name, const std::string& wanted,
                 const std::string& since) {
    const std::string value = value_of(settings, fold_case(name));
    if (fold_case(value) == fold_case(wanted)) return good_line(name, wanted);
    return bad_line(name, "is '" + printable(value, 80) + "'" + (since.empty() ? "" : ": " + since) +
                              "; add to the Match block: " + name + " " + wanted);
}

CheckLine check_command(const SshdSettings& settings) {
    const std::string command = value_of(settings, "authorizedkeyscommand");
    const std::string name = "AuthorizedKeysCommand";
    if (keys_program(settings).empty()) {
        return bad_line(name, "is not set; add to the Match block: " + name + " " + sshd_programs +
                                  "/gerve-authorized-keys %u %t %k %f");
    }
    if (command.find(" %u %t %k %f") == std::string::npos) {
        return bad_line(name, "'" + printable(command, 200) + "' does not end with %u %t %k %f");
    }
    return good_line(name, command);
}

CheckLine check_keys_user(const SshdSettings& settings, const std::string& login) {
    const std::string name = "AuthorizedKeysCommandUser";
    const std::string user = keys_user(settings);
    if (user.empty()) {
        return bad_line(name, "is not set, so sshd runs no AuthorizedKeysCommand; add to the Match block: " +
                                  name + " gerve-keys");
    }
    if (!find_system_user(user)) {
        return bad_line(name,
                        "there is no user " + user + "; useradd --system --shell /usr/sbin/nologin " + user);
    }
    if (user == "root" || user == login) {
        return bad_line(name, "is " + user + "; use a user that has no other role, such as gerve-keys");
    }
    return good_line(name, user);
}

CheckLine check_accepted_environment(const SshdSettings& settings) {
    if (matches_any(words_of(settings, "acceptenv"), "GIT_PROTOCOL")) {
        return good_line("AcceptEnv", "GIT_PROTOCOL");
    }
    return bad_line("AcceptEnv",
                    "lacks GIT_PROTOCOL: clients fall back to git's protocol version 0; add to the "
                    "Match block: AcceptEnv GIT_PROTOCOL");
}

CheckLine check_startups(const SshdSettings& settings) {
    const std::string value = value_of(settings, "maxstartups");
    const auto begin = parse_decimal(std::string_view(value).substr(0, value.find(':')));
    if (begin && *begin > 10) return good_line("MaxStartups", value);
    return bad_line("MaxStartups",
                    "is " + printable(value, 40) +
                        ": with more than ten logins at a time, sshd drops some at random; add before the "
                        "Match block: MaxStartups 200:30:1000");
}

// OpenSSH 9.8 and newer. Each login that fails while authz is away counts against its address.
CheckLine check_penalties(const SshdSettings& settings) {
    const std::string name = "PerSourcePenalties";
    const std::string value = value_of(settings, "persourcepenalties");
    if (value.empty()) return good_line(name, "this sshd does not have it");
    if (value == "no") return good_line(name, "no");
    const std::string exempt = value_of(settings, "persourcepenaltyexemptlist");
    if (!exempt.empty() && exempt != "none")
        return good_line(name, "on, except for " + printable(exempt, 80));
    return good_line(name,
                     "on: sshd refuses an address for a while after failed logins, and all logins fail while "
                     "Gerve is down; add addresses that many clients share to "
                     "PerSourcePenaltyExemptList");
}

// What has to be added for all of these to log in; empty: nothing.
std::string missing_algorithms(const SshdSettings& settings, const std::vector<std::string>& wanted) {
    const std::string value = value_of(settings, "pubkeyacceptedalgorithms");
    const auto accepted = split(value, ',');
    std::vector<std::string> missing;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(missing), [&](const std::string& one) {
        return std::find(accepted.begin(), accepted.end(), one) == accepted.end();
    });
    if (missing.empty()) return "";
    return "not all of them can log in: add to PubkeyAcceptedAlgorithms: " + join(missing, ",");
}

CheckLine check_security_keys(const SshdSettings& settings) {
    const std::string name = "security keys";
    const auto missing =
        missing_algorithms(settings, {"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"});
    if (!missing.empty()) return good_line(name, missing);
    const auto options = words_of(settings, "pubkeyauthoptions");
    const bool pin = std::find(options.begin(), options.end(), "verify-required") != options.end();
    return good_line(name, pin ? "a touch and a PIN for each login"
                               : "a touch for each login, unless the key was added with --no-touch-required, "
                                 "and a PIN where an organisation of its holder requires one");
}

CheckLine check_certificates(const SshdSettings& settings) {
    const auto missing = missing_algorithms(
        settings, {"ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
                   "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521-cert-v01@openssh.com",
                   "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com",
                   "sk-ssh-ed25519-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"});
    return good_line("certificates",
                     missing.empty() ? "of the authorities that `gerve ca list` lists" : missing);
}

CheckLine check_fingerprint_hash(const SshdSettings& settings) {
    if (const auto value = value_of(settings, "fingerprinthash"); fold_case(value) == "md5") {
        return bad_line("FingerprintHash", "is MD5, and gerve-authorized-keys compares %f; set it to sha256");
    }
    return good_line("FingerprintHash", "SHA256");
}

CheckLine check_forced_command(const SshdSettings& settings) {
    const std::string value = value_of(settings, "forcecommand");
    if (value.empty() || value == "none") return good_line("ForceCommand", "none");
    return bad_line("ForceCommand", "is '" + printable(value, 80) +
                                        "', which runs in place of gerve-shell; add to the Match block: "
                                        "ForceCommand none");
}

// AllowUsers and its like.
CheckLine check_admission(const SshdSettings& settings, const std::string& login) {
    const std::string name = "who may log in";
    const auto allowed = words_of(settings, "allowusers");
    if (!allowed.empty() && !matches_any(allowed, login)) {
        return bad_line(name, "AllowUsers does not list " + login + "; add it");
    }
    if (matches_any(words_of(settings, "denyusers"), login)) {
        return bad_line(name, "DenyUsers lists " + login + "; remove it");
    }
    const auto user = LocalUser::find(login);
    const auto groups = user ? user->group_names() : std::vector<std::string>{};
    const auto in_any = [&](const char* keyword) {
        const auto patterns = words_of(settings, keyword);
        return std::any_of(groups.begin(), groups.end(),
                           [&](const std::string& group) { return matches_any(patterns, group); });
    };
    if (settings.count("allowgroups") != 0 && !in_any("allowgroups")) {
        return bad_line(
            name, "AllowGroups lists no group of " + login + "; usermod --append --groups GROUP " + login);
    }
    if (in_any("denygroups")) return bad_line(name, "DenyGroups lists a group of " + login);
    return good_line(name, login);
}

}  // namespace

SshdSettings parse_sshd_settings(std::string_view printed) {
    SshdSettings settings;
    for (const std::string_view line : split(printed, '\n')) {
        const auto space = line.find(' ');
        if (space == std::string_view::npos) continue;
        settings.emplace(fold_case(line.substr(0, space)), trim(line.substr(space)));
    }
    return settings;
}

std::string keys_program(const SshdSettings& settings) {
    const std::string command = value_of(settings, "authorizedkeyscommand");
    const std::string program = command.substr(0, command.find(' '));
    return program == "none" ? "" : program;
}

std::vector<std::string> keys_options(const SshdSettings& settings, std::string_view option) {
    std::vector<std::string> values;
    const std::vector<std::string> words = words_of(settings, "authorizedkeyscommand");
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == option && i + 1 < words.size()) values.push_back(words[i + 1]);
        if (word.starts_with(option) && word.size() > option.size() && word[option.size()] == '=') {
            values.push_back(word.substr(option.size() + 1));
        }
    }
    return values;
}

std::string keys_user(const SshdSettings& settings) {
    const std::string user = value_of(settings, "authorizedkeyscommanduser");
    return user == "none" ? "" : user;
}

bool uses_pam(const SshdSettings& settings) {
    return value_of(settings, "usepam") == "yes";
}

std::vector<CheckLine> check_sshd_settings(const SshdSettings& settings, const std::string& login) {
    return {check_command(settings),
            check_keys_user(settings, login),
            expect(settings, "AuthorizedKeysFile", "none", "anyone who can write that file can log in"),
            expect(settings, "TrustedUserCAKeys", "none",
                   "certificates of these authorities log in without Gerve's forced command"),
            expect(settings, "PubkeyAuthentication", "yes", ""),
            check_accepted_environment(settings),
            check_security_keys(settings),
            check_certificates(settings),
            expect(settings, "PermitTTY", "no", ""),
            expect(settings, "DisableForwarding", "yes", ""),
            expect(settings, "PermitUserRC", "no", ""),
            check_forced_command(settings),
            check_fingerprint_hash(settings),
            check_admission(settings, login),
            check_startups(settings),
            check_penalties(settings)};
}

}  // namespace gerve
