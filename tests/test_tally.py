"""What tests/tally.py makes of the results of meson and pytest."""

import json

import pytest
import tally
from tally import Skip, not_allowed, skip_lines

DOCTEST = "[doctest] test cases:    3 |    2 passed | 1 failed | 0 skipped\n"
JUNIT = """\
<testsuites><testsuite>
  <testcase classname="test_push" name="test_a"/>
  <testcase classname="test_push" name="test_b"><failure message="no"/></testcase>
  <testcase classname="test_sshd" name="test_c"><skipped message="needs root"/></testcase>
  <testcase classname="test_sshd" name="test_d"><error message="teardown"/><skipped message="x"/></testcase>
</testsuite></testsuites>
"""


def meson_test(name, result="OK", stdout="", stderr=""):
    return json.dumps({"name": f"gerve:unit / {name}", "result": result, "stdout": stdout, "stderr": stderr}) + "\n"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """run(log, junit, ci): the exit status, and the lines that were printed."""

    def run(log="", junit="", ci=False):
        monkeypatch.setenv("CI", "true" if ci else "")
        (tmp_path / "testlog.json").write_text(log)
        (tmp_path / "e2e.xml").write_text(junit)
        status = tally.main([str(tmp_path / "testlog.json"), str(tmp_path / "e2e.xml")])
        return status, capsys.readouterr().out.splitlines()

    return run


PASSED = '<testsuite><testcase classname="test_push" name="test_a"/></testsuite>'
SKIPPED = '<testsuite><testcase classname="test_{}" name="test_a"><skipped message="{}"/></testcase></testsuite>'


def test_the_last_line_is_the_sum_and_what_failed_stands_above(run):
    status, lines = run(meson_test("model", stdout=DOCTEST, result="FAIL") + meson_test("walls"), JUNIT)
    assert status == 1
    assert lines[-1] == "4 passed, 3 failed"
    assert lines[-4:-1] == [
        "failed: gerve:unit / model", "failed: test_push::test_b", "failed: test_sshd::test_d"
    ]


def test_a_skip_is_named_with_its_reason(run):
    skipped = meson_test("store-mysql", "SKIP", "skipped: no mysql server; install one\n")
    status, lines = run(skipped + meson_test("lint", "SKIP", stderr="\nno mandoc\n") + meson_test("quiet", "SKIP"), JUNIT)
    for line in (
        "skipped: store-mysql: no mysql server; install one",
        "skipped: lint: no mandoc",
        "skipped: quiet: no reason given",
        "skipped: test_sshd: test_c: needs root",
    ):
        assert line in lines
    assert lines.index("skipped: store-mysql: no mysql server; install one") < lines.index("failed: test_push::test_b")


def test_a_case_that_doctest_skipped_is_named(run):
    output = "[skipped] a case: with a colon: needs root\n" + DOCTEST.replace("1 failed", "0 failed")
    status, lines = run(meson_test("plugin", stdout=output), PASSED)
    assert (status, lines[-1]) == (0, "3 passed, 0 failed")
    assert "skipped: plugin: a case: with a colon: needs root" in lines


def test_many_skips_for_one_reason_make_one_line():
    skips = [Skip("test_sshd", f"test_{number}", "needs root") for number in range(12)]
    assert skip_lines([*skips, Skip("test_sshd", "test_x", "busy")]) == [
        "skipped: test_sshd: test_0, test_1, test_2 and 9 more: needs root",
        "skipped: test_sshd: test_x: busy",
    ]


def test_in_ci_a_skip_that_is_not_allowed_fails(run):
    junit = SKIPPED.format("sshd", "needs root")
    assert run(meson_test("walls"), junit)[0] == 0
    status, lines = run(meson_test("walls"), junit, ci=True)
    assert (status, lines[-1]) == (1, "1 passed, 1 failed")
    assert "test_sshd::test_a was skipped" in lines[-2] and "needs root" in lines[-2]


def test_in_ci_a_skip_that_is_allowed_passes(run):
    assert run(meson_test("walls"), SKIPPED.format("bulk", "long: run with --soak"), ci=True)[0] == 0


def test_an_entry_allows_one_kind_of_test_for_one_kind_of_reason():
    allowed = [{"tests": "*[[]sshd*", "reason": "not through sshd: *"}]
    good = Skip("test_push", "test_a[sshd-x]", "not through sshd: it cuts")
    for other in (Skip("test_push", "test_a[gateway]", good.reason), Skip("test_push", good.name, "needs root")):
        assert not_allowed([good, other], allowed) == [other]


def test_a_run_without_a_result_or_a_test_fails(run, capsys):
    assert run("", PASSED)[0] == 1
    assert tally.main(["nowhere.xml"]) == 1
    assert "nowhere.xml: no result at all" in capsys.readouterr().out
