#include "authz/base/ration.h"

#include <algorithm>
#include <numeric>

#include "authz/base/address.h"

namespace gerve {
namespace {

const std::string everybody_else = "*";

}  // namespace

std::uint64_t LeftOut::count() const {
    return std::accumulate(reasons.begin(), reasons.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const Reason& reason) { return sum + reason.count; });
}

std::string LeftOut::text() const {
    std::string text;
    for (const Reason& reason : reasons) {
        if (!text.empty()) text += ", ";
        text += reason.name + " " + std::to_string(reason.count);
    }
    return text;
}

bool Ration::Bucket::holds_one(unsigned burst, unsigned per_minute, std::int64_t now) {
    if (tokens_ < 0) {
        tokens_ = burst;
    } else if (now > at_) {
        constexpr double minute = 60'000;
        tokens_ = std::min<double>(burst, tokens_ + static_cast<double>(now - at_) * per_minute / minute);
    }
    at_ = std::max(at_, now);
    return tokens_ >= 1;
}

Ration::Sources::value_type& Ration::place_of(const std::string& address) {
    const std::string key = wide_source_of(address);
    const bool room = sources_.size() < max_sources || sources_.contains(key);
    return *sources_.try_emplace(room ? key : everybody_else).first;
}

bool Ration::may_write(Source& source, const std::string& address, std::string_view reason,
                       std::int64_t now) {
    if (now - source.written_since >= limits_.summary_every) {
        source.written.clear();
        source.written_since = now;
    }
    const auto alike = source.written.find(reason);
    if (alike != source.written.end() && alike->second >= limits_.alike) return false;
    Bucket* subnet = nullptr;
    if (const std::string key = source_of(address); key != address) {
        const bool room = source.subnets.size() < max_subnets || source.subnets.contains(key);
        subnet = &source.subnets[room ? key : everybody_else];
        if (!subnet->holds_one(limits_.burst_of_subnet, limits_.per_minute_of_subnet, now)) return false;
    }
    if (!source.bucket.holds_one(limits_.burst, limits_.per_minute, now)) return false;
    if (!in_all_.holds_one(limits_.burst_in_all, limits_.per_minute_in_all, now)) return false;
    if (subnet != nullptr) subnet->take();
    source.bucket.take();
    in_all_.take();
    if (alike != source.written.end())
        ++alike->second;
    else if (source.written.size() < max_reasons)
        source.written.emplace(reason, 1);
    return true;
}

bool Ration::take(const std::string& address, std::string_view reason, std::string_view sample,
                  std::int64_t now) {
    const std::lock_guard lock(mutex_);
    auto& place = place_of(address);
    if (may_write(place.second, address, reason, now)) return true;
    count(place, address, reason, sample, 1, now);
    return false;
}

void Ration::leave_out(const std::string& address, std::string_view reason, std::string_view sample,
                       std::uint64_t left_out, std::int64_t now) {
    const std::lock_guard lock(mutex_);
    count(place_of(address), address, reason, sample, left_out, now);
}

void Ration::count(Sources::value_type& place, const std::string& address, std::string_view reason,
                   std::string_view sample, std::uint64_t count, std::int64_t now) {
    auto& [key, source] = place;
    if (source.left_out.empty()) {
        source.left_out_since = now;
        source.address = address;
    }
    if (source.address != address) source.address = key;
    if (source.left_out.size() >= max_reasons && !source.left_out.contains(reason)) reason = "other";
    LeftOut::Reason& counted = source.left_out[std::string(reason)];
    counted.name = reason;
    counted.count += count;
    add_sample(counted, sample, count);
}

void Ration::add_sample(LeftOut::Reason& reason, std::string_view sample, std::uint64_t count) {
    sample = sample.substr(0, longest_sample);
    const auto known = reason.samples.find(std::string(sample));
    if (known != reason.samples.end()) {
        known->second += count;
    } else if (!sample.empty() && reason.samples.size() < max_samples && samples_ < max_samples_in_all) {
        reason.samples.emplace(sample, count);
        ++samples_;
    } else {
        reason.unnamed += count;
    }
}

LeftOut Ration::take_left_out(Source& source, std::int64_t now) {
    LeftOut left_out{source.address, source.sources, (now - source.left_out_since + 999) / 1'000, {}};
    for (auto& [name, reason] : source.left_out) {
        samples_ -= reason.samples.size();
        left_out.reasons.push_back(std::move(reason));
    }
    source.left_out.clear();
    source.sources = 1;
    return left_out;
}

// Too many sources have a summary to be written: the numbers of these are one.
void Ration::merge(LeftOut left_out, std::int64_t now) {
    Source& others = sources_[everybody_else];
    others.sources = others.left_out.empty() ? 1 : others.sources + 1;
    if (others.left_out.empty()) others.left_out_since = now;
    others.address = everybody_else;
    for (LeftOut::Reason& reason : left_out.reasons) {
        LeftOut::Reason& sum = others.left_out[reason.name];
        sum.name = reason.name;
        sum.count += reason.count;
        sum.unnamed += reason.count;
    }
}

bool Ration::is_idle(Source& source, std::int64_t now) const {
    if (!source.left_out.empty() || now - source.written_since < limits_.summary_every) return false;
    (void)source.bucket.holds_one(limits_.burst, limits_.per_minute, now);
    return source.bucket.is_full(limits_.burst);
}

std::vector<LeftOut> Ration::due(std::int64_t now) {
    const std::lock_guard lock(mutex_);
    std::vector<LeftOut> due;
    for (auto at = sources_.begin(); at != sources_.end();) {
        Source& source = at->second;
        if (!source.left_out.empty() && now - source.left_out_since >= limits_.summary_every) {
            LeftOut left_out = take_left_out(source, now);
            if (at->first == everybody_else) {
                due.push_back(std::move(left_out));
            } else if (summaries_.holds_one(limits_.burst_in_all, limits_.per_minute_in_all, now)) {
                summaries_.take();
                due.push_back(std::move(left_out));
            } else {
                merge(std::move(left_out), now);
            }
        }
        at = is_idle(source, now) ? sources_.erase(at) : std::next(at);
    }
    return due;
}

std::vector<LeftOut> Ration::all(std::int64_t now) {
    const std::lock_guard lock(mutex_);
    std::vector<LeftOut> all;
    for (auto& [key, source] : sources_) {
        if (source.left_out.empty() || key == everybody_else) continue;
        LeftOut left_out = take_left_out(source, now);
        if (summaries_.holds_one(limits_.burst_in_all, limits_.per_minute_in_all, now)) {
            summaries_.take();
            all.push_back(std::move(left_out));
        } else {
            merge(std::move(left_out), now);
        }
    }
    const auto others = sources_.find(everybody_else);
    if (others != sources_.end() && !others->second.left_out.empty())
        all.push_back(take_left_out(others->second, now));
    return all;
}

}  // namespace gerve
