#include "authz/audit/audit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "authz/base/clock.h"
#include "authz/base/log.h"

namespace gerve {
namespace {

using Json = nlohmann::json;

constexpr std::size_t longest_line = 64 * 1024;

void put_client(Json& event, const ClientContext& client) {
    event["address"] = client.address;
    event["client"] = client.version;
    event["connection"] = client.connection;
    event["door"] = client.door;
}

void put_key(Json& event, const KnownKey& key) {
    event["fingerprint"] = key.fingerprint.text();
    event["key"] = number_of(key.id);
    if (const auto* user = std::get_if<User>(&key.owner))
        event["user"] = user->login.text();
    else
        event["deploy_key_of"] = std::get<DeployKey>(key.owner).repo.text();
}

std::string fields_of(const Json& event) {
    return event.dump(-1, ' ', false, Json::error_handler_t::replace).substr(1);
}

Result<Fd> open_log(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return internal_error(errno_text("cannot open the audit file " + path));
    return file;
}

// The number of the last whole line; a line that a crash cut short is ended, so that the next stands alone.
std::uint64_t last_number(const Fd& file) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || status.st_size == 0) return 0;
    const auto size = std::min<off_t>(status.st_size, longest_line);
    std::string tail(static_cast<std::size_t>(size), '\0');
    const ssize_t got = ::pread(file.get(), tail.data(), tail.size(), status.st_size - size);
    tail.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    if (!tail.ends_with('\n') && ::write(file.get(), "\n", 1) != 1) return 0;
    std::uint64_t last = 0;
    for (std::size_t start = 0; start < tail.size();) {
        const std::size_t end = std::min(tail.find('\n', start), tail.size());
        const Json line = Json::parse(tail.substr(start, end - start), nullptr, false);
        if (line.is_object()) last = std::max(last, line.value("seq", std::uint64_t{0}));
        start = end + 1;
    }
    return last;
}

}  // namespace

Result<std::unique_ptr<AuditSink>> AuditSink::open(const std::string& file) {
    auto sink = std::make_unique<AuditSink>();
    sink->path_ = file;
    if (auto opened = sink->reopen(); !opened) return pass_on(opened);
    sink->last_ = last_number(sink->file_);
    return sink;
}

Result<void> AuditSink::reopen() {
    const std::lock_guard lock(mutex_);
    if (path_.empty()) return {};
    auto file = open_log(path_);
    if (!file) return pass_on(file);
    file_ = std::move(*file);
    return {};
}

void AuditSink::append(std::string_view fields) {
    const std::lock_guard lock(mutex_);
    if (!file_) return;
    const std::string line = "{\"seq\":" + std::to_string(last_ + 1) +
                             ",\"time\":" + std::to_string(unix_now()) + "," + std::string(fields) + "\n";
    const ssize_t written = ::write(file_.get(), line.data(), line.size());
    if (written == static_cast<ssize_t>(line.size())) {
        ++last_;
        return;
    }
    log::error("an audit event is lost", {{"file", path_}, {"why", errno_text("write")}});
    // Half a line must not swallow the next one.
    if (written > 0 && ::write(file_.get(), "\n", 1) != 1)
        log::error("audit file is torn", {{"file", path_}});
}

void AuditSink::record(const KeySeen& event) {
    if (path_.empty() || !event.request.proven) return;
    Json json{{"event", "proven"}, {"login", event.request.login}};
    if (event.known)
        put_key(json, *event.known);
    else
        json["fingerprint"] = event.request.key.fingerprint().text();
    put_client(json, event.request.client);
    append(fields_of(json));
}

void AuditSink::record(const Decided& event) {
    if (path_.empty()) return;
    const Rule because = std::visit([](const auto& decision) { return decision.because; }, event.decision);
    Json json{{"event", "decision"},
              {"request", event.request.request.text()},
              {"is", allowed(event.decision) ? "allow" : "deny"},
              {"because", rule_name(because)},
              {"service", service_name(event.request.service)},
              {"repo", event.request.repo.text()}};
    put_key(json, event.key);
    put_client(json, event.request.client);
    append(fields_of(json));
}

void AuditSink::record(const SessionEnded& event) {
    if (path_.empty()) return;
    const SessionReport& report = event.report;
    Json json{{"event", "session"},
              {"request", report.request.text()},
              {"service", report.service},
              {"repo", report.repo},
              {"server", report.server},
              {"git_protocol", report.git_protocol},
              {"bytes_in", report.bytes_in},
              {"bytes_out", report.bytes_out},
              {"duration_ms", report.duration_ms},
              {"exit", report.exit},
              {"ended", report.ended}};
    if (event.key) put_key(json, *event.key);
    put_client(json, report.client);
    append(fields_of(json));
}

}  // namespace gerve
