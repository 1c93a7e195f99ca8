#include "gerve/worker/refusals.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "authz/base/rationed_log.h"
#include "gerve/loop/wait.h"

namespace gerve {
namespace {

// What reaches authz one by one; authz has a ration of its own.
constexpr RationLimits reported{.burst = 20,
                                .per_minute = 60,
                                .burst_of_subnet = 20,
                                .per_minute_of_subnet = 60,
                                .alike = 5,
                                .burst_in_all = 500,
                                .per_minute_in_all = 6'000,
                                .summary_every = 1'000};
constexpr std::chrono::seconds interval{1};
constexpr std::chrono::milliseconds last_reports_timeout{1'000};
constexpr std::chrono::milliseconds last_pause{20};
constexpr std::size_t longest_login = 64;
constexpr std::size_t longest_text = 160;

std::string with_door(Door door, std::string_view reason) {
    return std::string(door_name(door)) + " " + std::string(reason);
}

}  // namespace

Refusals::Refusals(asio::io_context& loop, AuthzLink& authz)
    : loop_(loop), authz_(authz), ration_(reported) {}

void Refusals::note(const ClientContext& client, std::string_view reason, std::string_view text,
                    std::string_view login) {
    login = login.substr(0, longest_login);
    // The door goes along, so that a number is known to be of it.
    if (!ration_.take(client.address, with_door(client.door, reason), login)) return;
    send({client, std::string(reason), std::string(text.substr(0, longest_text)), std::string(login)});
}

void Refusals::send_counts(const LeftOut::Reason& reason, RefusalReport report) {
    const std::string_view name = reason.name;
    const auto space = std::min(name.find(' '), name.size());
    const auto door = parse_door(name.substr(0, space));
    report.client.door = door.value_or(Door::gateway);
    report.reason = door && space < name.size() ? name.substr(space + 1) : name;
    for (const auto& [login, count] : reason.samples) {
        report.login = login;
        report.count = count;
        send(report);
    }
    report.login.clear();
    report.count = reason.unnamed;
    if (reason.unnamed > 0) send(std::move(report));
}

void Refusals::send_left_out(const std::vector<LeftOut>& left_out) {
    for (const LeftOut& one : left_out) {
        RefusalReport report{.client = {.address = one.source}};
        for (const LeftOut::Reason& reason : one.reasons) send_counts(reason, report);
    }
}

asio::awaitable<void> Refusals::run() {
    while (true) {
        co_await pause_for(interval);
        send_left_out(ration_.due());
        rationed_log().close_due();
    }
}

asio::awaitable<void> Refusals::finish() {
    const auto deadline = std::chrono::steady_clock::now() + last_reports_timeout;
    send_left_out(ration_.all());
    while (asked_ > 0 && std::chrono::steady_clock::now() < deadline) {
        co_await pause_for(last_pause);
    }
}

void Refusals::send(RefusalReport report) {
    ++asked_;
    asio::co_spawn(loop_, ask(std::move(report)), asio::detached);
}

asio::awaitable<void> Refusals::ask(RefusalReport report) {
    const auto taken = co_await authz_.ask(report);
    --asked_;
    if (taken) co_return;
    ration_.leave_out(report.client.address, with_door(report.client.door, report.reason), report.login,
                      report.count);
}

}  // namespace gerve
