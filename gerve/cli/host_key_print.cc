#include <algorithm>

#include "authz/base/digest.h"
#include "authz/base/text.h"
#include "gerve/cli/command.h"
#include "gerve/cli/host_keys_here.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

enum class HostKeyFormat { known_hosts, sshfp, cert_authority };

Result<HostKeyFormat> parse_host_key_format(const std::string& text) {
    if (text == "known_hosts") return HostKeyFormat::known_hosts;
    if (text == "sshfp") return HostKeyFormat::sshfp;
    if (text == "cert-authority") return HostKeyFormat::cert_authority;
    return client_error("'" + printable(text, 40) +
                        "' is not a format: use known_hosts, sshfp or cert-authority");
}

// RFC 4255 section 3.1.1, RFC 6594 section 3.1 and RFC 7479 section 3.1; 2 is SHA-256.
int sshfp_number(HostKeyType type) {
    switch (type) {
        case HostKeyType::rsa: return 1;
        case HostKeyType::ecdsa: return 3;
        case HostKeyType::ed25519: break;
    }
    return 4;
}

Result<std::string> parse_host_name(const std::string& text) {
    constexpr std::string_view letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:*[]";
    if (text.empty() || text.find_first_not_of(letters) != std::string::npos)
        return client_error("'" + printable(text, 80) +
                            "' is not a host: write NAME, or [NAME]:PORT for known_hosts");
    return text;
}

// One for each authority: the certificates of its keys come and go.
int print_authorities(const Config& config, const std::string& host) {
    const HostCertificates certificates = host_certificates_of(config, host_keys_of(config));
    std::vector<std::string> printed;
    for (const HostCertificate& one : certificates.usable) {
        const std::string authority = one.certificate.authority().text();
        if (std::find(printed.begin(), printed.end(), authority) != printed.end()) continue;
        std::printf("@cert-authority %s %s\n", host.c_str(), authority.c_str());
        printed.push_back(authority);
    }
    std::fflush(stdout);
    for (const std::string& problem : certificates.problems)
        std::fprintf(stderr, "gerve: %s\n", shown(problem).c_str());
    if (!printed.empty()) return 0;
    throw Stop{refused_status,
               "no host certificate is usable: sign a host key with `ssh-keygen -s AUTHORITY -h -I NAME -n "
               "HOST KEY.pub`, and list KEY-cert.pub in ssh.host_certificates"};
}

int print(Site& site, HostKeyFormat format, const std::string& host) {
    if (format == HostKeyFormat::sshfp && host.find_first_of(":*[]") != std::string::npos)
        throw Stop{usage_status, "an SSHFP record needs a plain host name, without a port"};
    if (format == HostKeyFormat::cert_authority) return print_authorities(site.config(), host);
    for (const HostKey& one : host_keys_of(site.config())) {
        if (format == HostKeyFormat::known_hosts) {
            std::printf("%s %s\n", host.c_str(), one.key.text().c_str());
        } else {
            std::printf("%s%s IN SSHFP %d 2 %s\n", host.c_str(), host.ends_with('.') ? "" : ".",
                        sshfp_number(type_of(one.key)), to_hex(one.key.fingerprint().bytes()).c_str());
        }
    }
    return 0;
}

}  // namespace

void declare_host_key_print(Command& host_key) {
    struct Values {
        std::optional<HostKeyFormat> format = HostKeyFormat::known_hosts;
        std::optional<std::string> host;
    };
    const auto values = std::make_shared<Values>();
    host_key
        .command("print", "Print all host keys for publication, the announced ones too.",
                 [values](Site& site) { return print(site, *values->format, *values->host); })
        .argument("HOST", "The name by which clients connect; [NAME]:PORT for another port than 22",
                  parsed(values->host, parse_host_name))
        .option("--format", "FORMAT",
                "known_hosts (default); sshfp for SSHFP records in the DNS; cert-authority for the "
                "authorities of the host certificates",
                parsed(values->format, parse_host_key_format));
}

}  // namespace gerve
