#include "gerve/metrics/page.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <map>

namespace gerve {

using prometheus::ClientMetric;
using prometheus::MetricType;

struct Page::Families {
    // Metrics of one family stand together, in the order in which they come.
    ClientMetric& add(const std::string& name, const std::string& help, MetricType type,
                      const Labels& labels) {
        const auto [place, is_new] = places.try_emplace(name, all.size());
        if (is_new) all.push_back({name, help, type, {}});
        auto& metrics = all[place->second].metric;
        metrics.emplace_back();
        for (const auto& [label, value] : labels) metrics.back().label.push_back({label, value});
        return metrics.back();
    }
    std::vector<prometheus::MetricFamily> all;
    std::map<std::string, std::size_t> places;
};

Page::Page() : families_(std::make_unique<Families>()) {}
Page::~Page() = default;

void Page::counter(const std::string& name, const std::string& help, const Labels& labels,
                   std::uint64_t value) {
    ClientMetric& metric = families_->add(name, help, MetricType::Counter, labels);
    metric.counter.value = static_cast<double>(value);
}

void Page::gauge(const std::string& name, const std::string& help, const Labels& labels, std::int64_t value) {
    ClientMetric& metric = families_->add(name, help, MetricType::Gauge, labels);
    metric.gauge.value = static_cast<double>(value);
}

void Page::times(const std::string& name, const std::string& help, const Labels& labels,
                 const Histogram& histogram) {
    auto& shown = families_->add(name, help, MetricType::Histogram, labels).histogram;
    for (std::size_t i = 0; i <= Histogram::bounds.size(); ++i) {
        shown.sample_count += histogram.in_bucket(i);
        const double bound = i < Histogram::bounds.size() ? static_cast<double>(Histogram::bounds[i]) / 1e6
                                                          : std::numeric_limits<double>::infinity();
        shown.bucket.push_back({shown.sample_count, bound});
    }
    shown.sample_sum = static_cast<double>(histogram.microseconds()) / 1e6;
}

std::string Page::text() const {
    return prometheus::TextSerializer().Serialize(families_->all);
}

}  // namespace gerve
