#include "authz/store/database_link.h"

#include <algorithm>
#include <vector>

#include "authz/base/clock.h"
#include "authz/base/log.h"

namespace gerve {
namespace {

constexpr int tend_interval = 1'000;  // ms

std::vector<log::Field> fields_of(const std::string& policy) {
    return policy.empty() ? std::vector<log::Field>{} : std::vector<log::Field>{{"policy", policy}};
}

}  // namespace

bool DatabaseLink::maintain() {
    bool changed = false;
    if (database_ != nullptr) database_->tend();
    if (database_ != nullptr && database_->broken()) {
        if (dropped_.due("")) log::write(log::Level::warn, "database connection dropped", fields_of(policy_));
        database_.reset();
        due_ = 0;
        changed = true;
    }
    if (database_ != nullptr || monotonic_now() < due_) return changed;
    auto opened = connect_();
    if (!opened) {
        due_ = monotonic_now() + pauses_.next().count();
        const std::string why = describe(opened.error());
        if (away_.due(why)) {
            auto fields = fields_of(policy_);
            fields.push_back({"why", why});
            // A policy that is only compared refuses nobody.
            log::write(policy_.empty() ? log::Level::error : log::Level::warn, "database out of reach",
                       fields);
        }
        return changed;
    }
    if (away_.over()) log::write(log::Level::info, "database connection opened", fields_of(policy_));
    database_ = std::move(*opened);
    pauses_.reset();
    return true;
}

int DatabaseLink::next_turn() const {
    if (database_ != nullptr) return database_->broken() ? 0 : tend_interval;
    return static_cast<int>(std::clamp<std::int64_t>(due_ - monotonic_now(), 0, longest_pause.count()));
}

}  // namespace gerve
