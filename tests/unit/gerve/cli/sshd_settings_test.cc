#include "gerve/cli/sshd_settings.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

// As OpenSSH 9.2 prints it, cut to what counts.
std::string printed(const std::string& replaced = "", const std::string& by = "") {
    std::string text =
        "port 22\n"
        "pubkeyauthentication yes\n"
        "authorizedkeyscommand /usr/lib/gerve/gerve-authorized-keys --socket /s %u %t %k %f\n"
        "authorizedkeyscommanduser nobody\n"
        "authorizedkeysfile none\n"
        "trustedusercakeys none\n"
        "pubkeyacceptedalgorithms ssh-ed25519,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com\n"
        "pubkeyauthoptions none\n"
        "acceptenv LANG\n"
        "acceptenv GIT_PROTOCOL\n"
        "permittty no\n"
        "disableforwarding yes\n"
        "permituserrc no\n"
        "forcecommand none\n"
        "fingerprinthash SHA256\n"
        "usepam yes\n"
        "maxstartups 200:30:1000\n";
    if (!replaced.empty()) {
        const auto at = text.find(replaced);
        REQUIRE(at != std::string::npos);
        text.replace(at, replaced.size(), by);
    }
    return text;
}

// The names of what is wrong.
std::vector<std::string> wrong_in(const std::string& text) {
    std::vector<std::string> names;
    for (const CheckLine& finding : check_sshd_settings(parse_sshd_settings(text), "daemon")) {
        if (finding.status != 0) names.push_back(finding.what);
    }
    return names;
}

}  // namespace

TEST_CASE("settings that are right have no finding, and each classic mistake has its own") {
    CHECK(wrong_in(printed()).empty());
    const std::vector<std::vector<std::string>> mistakes{
        {"authorizedkeyscommand /usr/lib/gerve/gerve-authorized-keys --socket /s %u %t %k %f",
         "authorizedkeyscommand none", "AuthorizedKeysCommand"},
        {"%u %t %k %f", "%u", "AuthorizedKeysCommand"},
        {"authorizedkeyscommanduser nobody", "authorizedkeyscommanduser none", "AuthorizedKeysCommandUser"},
        {"authorizedkeyscommanduser nobody", "authorizedkeyscommanduser root", "AuthorizedKeysCommandUser"},
        {"authorizedkeyscommanduser nobody", "authorizedkeyscommanduser no-such-user",
         "AuthorizedKeysCommandUser"},
        {"authorizedkeysfile none", "authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2",
         "AuthorizedKeysFile"},
        {"trustedusercakeys none", "trustedusercakeys /etc/ssh/ca.pub", "TrustedUserCAKeys"},
        {"acceptenv GIT_PROTOCOL", "acceptenv LC_ALL", "AcceptEnv"},
        {"permittty no", "permittty yes", "PermitTTY"},
        {"disableforwarding yes", "disableforwarding no", "DisableForwarding"},
        {"permituserrc no", "permituserrc yes", "PermitUserRC"},
        {"pubkeyauthentication yes", "pubkeyauthentication no", "PubkeyAuthentication"},
        {"maxstartups 200:30:1000", "maxstartups 10:30:100", "MaxStartups"},
        {"authorizedkeyscommanduser nobody", "authorizedkeyscommanduser daemon", "AuthorizedKeysCommandUser"},
        {"forcecommand none", "forcecommand /usr/bin/git-shell", "ForceCommand"},
        {"fingerprinthash SHA256", "fingerprinthash MD5", "FingerprintHash"},
        {"usepam yes", "allowusers root alice@10.0.0.0/8", "who may log in"},
        {"usepam yes", "denyusers d*", "who may log in"},
        {"usepam yes", "allowgroups wheel", "who may log in"},
        {"usepam yes", "denygroups daemon", "who may log in"},
    };
    for (const auto& mistake : mistakes) {
        CAPTURE(mistake[1]);
        CHECK(wrong_in(printed(mistake[0], mistake[1])) == std::vector{mistake[2]});
    }
    CHECK(wrong_in("").size() == 10);
    for (const char* fine :
         {"allowusers root\nallowusers daemon", "allowgroups wheel daemon", "denyusers git"}) {
        CAPTURE(fine);
        CHECK(wrong_in(printed("usepam yes", fine)).empty());
    }
    CHECK(wrong_in(printed("acceptenv GIT_PROTOCOL", "acceptenv GIT_*")).empty());
}

TEST_CASE("what is told names the remedy") {
    const auto findings = check_sshd_settings(parse_sshd_settings(""), "daemon");
    const auto told = [&](const std::string& what) {
        for (const CheckLine& finding : findings) {
            if (finding.what == what) return finding.told;
        }
        return std::string();
    };
    CHECK(told("AuthorizedKeysFile").find("Match block: AuthorizedKeysFile none") != std::string::npos);
    CHECK(told("AcceptEnv").find("Match block: AcceptEnv GIT_PROTOCOL") != std::string::npos);
    CHECK(told("AuthorizedKeysCommandUser").find("AuthorizedKeysCommandUser gerve-keys") !=
          std::string::npos);
    CHECK(told("MaxStartups").find("MaxStartups 200:30:1000") != std::string::npos);
}

TEST_CASE("program, user and socket are read out of the settings") {
    const SshdSettings settings = parse_sshd_settings(printed());
    CHECK(keys_program(settings) == "/usr/lib/gerve/gerve-authorized-keys");
    CHECK(keys_user(settings) == "nobody");
    CHECK(keys_options(settings, "--socket") == std::vector<std::string>{"/s"});
    CHECK(keys_options(parse_sshd_settings(printed("--socket /s", "--socket=/t")), "--socket") ==
          std::vector<std::string>{"/t"});
    CHECK(keys_options(settings, "--login").empty());
    CHECK(uses_pam(settings));
    CHECK_FALSE(uses_pam(parse_sshd_settings("usepam no\n")));
}

TEST_CASE("what security keys have to do is told, and which types of keys and certificates sshd refuses") {
    const auto told = [](const std::string& text, const std::string& what = "security keys") {
        for (const CheckLine& finding : check_sshd_settings(parse_sshd_settings(text), "daemon")) {
            if (finding.what == what) return finding.told;
        }
        return std::string();
    };
    CHECK(told(printed()) ==
          "a touch for each login, unless the key was added with --no-touch-required, and a PIN where an "
          "organisation of its holder requires one");
    CHECK(told(printed("pubkeyauthoptions none", "pubkeyauthoptions touch-required verify-required")) ==
          "a touch and a PIN for each login");
    CHECK(told(printed(",sk-ecdsa-sha2-nistp256@openssh.com", "")) ==
          "not all of them can log in: add to PubkeyAcceptedAlgorithms: "
          "sk-ecdsa-sha2-nistp256@openssh.com");
    const std::string certificates =
        "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,"
        "ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,"
        "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,"
        "sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";
    CHECK(told(printed(), "certificates") ==
          "not all of them can log in: add to PubkeyAcceptedAlgorithms: " + certificates);
    CHECK(told(printed("ssh-ed25519,", certificates + ","), "certificates") ==
          "of the authorities that `gerve ca list` lists");
}
