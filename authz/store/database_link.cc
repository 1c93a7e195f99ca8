#include "authz/store/database_link.h"

#include <algorithm>
#include <random>

#include "authz/base/clock.h"
#include "authz/base/log.h"

namespace gerve {
namespace {

constexpr int tend_interval = 1'000;  // ms
constexpr std::int64_t first_pause = 50;
constexpr std::int64_t last_pause = 1500;  // service is to be back within 2 s of the server

std::int64_t jitter(std::int64_t pause) {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_int_distribution<std::int64_t>(0, pause / 4)(random);
}

}  // namespace

void DatabaseLink::put_off() {
    pause_ = std::clamp(pause_ * 2, first_pause, last_pause);
    due_ = monotonic_now() + pause_ - jitter(pause_);
}

bool DatabaseLink::maintain() {
    bool changed = false;
    if (database_ != nullptr) database_->tend();
    if (database_ != nullptr && database_->broken()) {
        if (dropped_.due("")) log::warn("database connection dropped");
        database_.reset();
        due_ = 0;
        changed = true;
    }
    if (database_ != nullptr || monotonic_now() < due_) return changed;
    auto opened = connect_();
    if (!opened) {
        put_off();
        const std::string why = describe(opened.error());
        if (away_.due(why)) log::error("database out of reach", {{"why", why}});
        return changed;
    }
    if (away_.over()) log::info("database connection opened");
    database_ = std::move(*opened);
    pause_ = 0;
    return true;
}

int DatabaseLink::next_turn() const {
    if (database_ != nullptr) return database_->broken() ? 0 : tend_interval;
    return static_cast<int>(std::clamp<std::int64_t>(due_ - monotonic_now(), 0, last_pause));
}

}  // namespace gerve
