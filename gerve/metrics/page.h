// Page: the metrics of one answer, in the text format of Prometheus.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "authz/base/metrics.h"
#include "authz/service/authz_metrics.h"

namespace gerve {

using Labels = std::vector<std::pair<std::string, std::string>>;  // names and values

class Page {
  public:
    Page();
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;
    ~Page();

    void counter(const std::string& name, const std::string& help, const Labels& labels,
                 const Counter& counter) {
        this->counter(name, help, labels, counter.value());
    }
    void counter(const std::string& name, const std::string& help, const Labels& labels, std::uint64_t value);
    void gauge(const std::string& name, const std::string& help, const Labels& labels, std::int64_t value);
    // `name` ends in _seconds.
    void times(const std::string& name, const std::string& help, const Labels& labels,
               const Histogram& histogram);
    [[nodiscard]] std::string text() const;

  private:
    struct Families;  // of prometheus-cpp, which writes the text
    std::unique_ptr<Families> families_;
};

// A label's value.
template <std::size_t n>
[[nodiscard]] std::string word(const std::array<std::string_view, n>& words, std::size_t i) {
    return std::string(words[i]);
}

// What authz counts (show_authz.cc).
void show_authz(Page& page, const AuthzMetrics& authz);

}  // namespace gerve
