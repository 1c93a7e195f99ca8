#include "tests/bench/load.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace gerve::bench {

namespace {

constexpr auto expiry_interval = std::chrono::milliseconds(100);

double ms_between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

Keys::~Keys() {
    for (ssh_key key : keys_) ssh_key_free(key);
}

void Keys::read(const std::string& file) {
    ssh_key key = nullptr;
    if (ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
        throw std::runtime_error("cannot read the key " + file);
    keys_.push_back(key);
}

Load::Load(const Errand& errand, const Keys& keys, const LoadShape& shape)
    : errand_(errand), keys_(keys), shape_(shape), epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_fd_ < 0) throw std::runtime_error(std::string("epoll_create1: ") + std::strerror(errno));
}

Load::~Load() {
    sessions_.clear();
    close(epoll_fd_);
}

Outcome Load::run() {
    const auto begin = Clock::now();
    start_more();
    while (sessions_.size() > held_) {
        wait_for_events();
        expire();
        start_more();
    }
    outcome_.elapsed_s = ms_between(begin, Clock::now()) / 1000;
    return outcome_;
}

void Load::start_more() {
    while (begun_ < shape_.total && sessions_.size() - held_ < shape_.in_flight) {
        auto session = std::make_unique<LightSession>(errand_, keys_.of(begun_));
        LightSession* raw = session.get();
        sessions_.emplace(raw, std::move(session));
        ++begun_;
        if (raw->finished()) {
            settle(raw);
        } else {
            watch(raw, EPOLL_CTL_ADD);
        }
    }
}

void Load::wait_for_events() {
    std::array<epoll_event, 64> events;
    const int ready = epoll_wait(epoll_fd_, events.data(), events.size(), expiry_interval.count());
    for (int i = 0; i < ready; ++i) attend(static_cast<LightSession*>(events[i].data.ptr));
}

void Load::attend(LightSession* session) {
    const bool was_held = session->stage() == Stage::held;
    const bool wanted_write = session->wants_write();
    session->advance();
    if (was_held && session->finished()) --held_;
    if (!was_held && session->stage() == Stage::held) ++held_;
    if (session->finished()) {
        settle(session);
    } else if (session->wants_write() != wanted_write) {
        watch(session, EPOLL_CTL_MOD);
    }
}

void Load::settle(LightSession* session) {
    if (session->stage() == Stage::done) {
        outcome_.latencies_ms.push_back(ms_between(session->started(), Clock::now()));
    } else {
        Failures& failures = outcome_.failures[session->reason()];
        if (failures.count++ == 0) failures.example = session->detail();
    }
    sessions_.erase(session);
}

void Load::watch(LightSession* session, int operation) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (session->wants_write()) event.events |= EPOLLOUT;
    event.data.ptr = session;
    if (epoll_ctl(epoll_fd_, operation, session->fd(), &event) != 0) session->give_up("epoll");
}

void Load::expire() {
    const auto now = Clock::now();
    if (now < next_expiry_) return;
    next_expiry_ = now + expiry_interval;
    std::vector<LightSession*> ended;
    for (const auto& [raw, session] : sessions_) {
        const bool late = raw->stage() != Stage::held && now - raw->started() > shape_.timeout;
        if (late) raw->give_up("timeout");
        if (raw->finished()) ended.push_back(raw);
    }
    for (LightSession* session : ended) settle(session);
}

}  // namespace gerve::bench
