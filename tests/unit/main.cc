// The one main() of the unit tests.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdio>

namespace {

// Names each case that was left out, so that the sum of a test run can tell. Cases that a filter leaves out
// are run by another test.
class SkippedCases : public doctest::IReporter {
  public:
    explicit SkippedCases(const doctest::ContextOptions& /*options*/) {}

    void test_case_skipped(const doctest::TestCaseData& skipped) override {
        if (!skipped.m_skip) return;
        const char* reason = skipped.m_description == nullptr ? "no reason given" : skipped.m_description;
        std::printf("[skipped] %s: %s\n", skipped.m_name, reason);
    }

    void report_query(const doctest::QueryData& /*query*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_start(const doctest::TestCaseData& /*test*/) override {}
    void test_case_reenter(const doctest::TestCaseData& /*test*/) override {}
    void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {}
    void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*subcase*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& /*assertion*/) override {}
    void log_message(const doctest::MessageData& /*message*/) override {}
};

DOCTEST_REGISTER_LISTENER("skipped-cases", 1, SkippedCases);

}  // namespace
