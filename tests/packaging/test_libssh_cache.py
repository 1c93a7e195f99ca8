"""The cache of packaging/libssh/source: how long what is in it serves, and whom it trusts."""

import contextlib
import fcntl
import os
import shutil
import subprocess

import pytest

from libssh_archive import PROGRAM


@pytest.fixture
def filled(machine, archive):
    """A machine that has built 0.12.2-1."""
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.2-1")
    machine.build()
    return machine


def test_without_the_network_the_newest_in_the_cache_serves_and_it_says_so(filled, no_network):
    no_network()
    filled.days_later(29)
    told = filled.run("build", "--into", filled.directory / "other", "--look-within=30", "cc")
    assert "warning: libssh 0.12.2-1 is taken from" in told and "apt-get failed" in told


def test_what_was_not_compared_with_debian_for_long_is_refused_where_that_counts(filled, archive, no_network):
    filled.days_later(31)
    filled.build("now", "--look-within=30", says="0.12.2-1")
    no_network()
    filled.days_later(31)
    told = filled.run("build", "--into", filled.directory / "other", "--look-within=30", "cc", exit=2, says="in the last 30 days")
    assert "-Dlibssh_source=DIR" in told and "apt-get failed" in told
    assert not (filled.directory / "other").exists()
    filled.build("other", says="warning: libssh 0.12.2-1 is taken from")


def test_an_answer_of_other_suites_does_not_count_as_one_of_these(filled, no_network):
    no_network()
    filled.want("testing")
    filled.build("other", "--look-within=30", exit=2, says="in the last 30 days")


def test_an_answer_from_the_future_does_not_count(filled, no_network):
    """A clock that was wrong would keep the cache fresh for years."""
    no_network()
    filled.days_later(-400)
    filled.build("other", "--look-within=30", exit=2, says="apt-get failed")


def test_fetch_fails_when_debian_cannot_be_asked(filled, no_network):
    no_network()
    filled.run("fetch", "--into", filled.directory / "source", exit=2, says="apt-get failed")
    assert not (filled.directory / "source").exists()


def test_when_the_suites_have_gone_on_the_cache_serves(filled, archive):
    for suite in ("testing", "unstable"):
        archive.suite(suite, "0.13.0-1")
    filled.days_later(1.1)
    told = filled.run("build", "--into", filled.directory / "other", "--look-within=30", "cc", says="0.12.2-1 is taken from")
    assert "no libssh from 0.12.2 to below 0.13" in told and "which has 0.13.0-1" in told
    assert (filled.directory / "other/version").read_text() == "0.12.2-1\n"


def test_a_source_package_that_was_exchanged_in_the_cache_is_refused(filled):
    """Consistent in itself, so that dpkg-source finds nothing wrong."""
    place = filled.cache / "0.12.2-1"
    dsc = place / "libssh_0.12.2-1.dsc"
    dsc.write_text(dsc.read_text().replace("A <a@", "B <b@"))
    filled.build("other", exit=2, says="is not the file that Debian's signed index names")
    filled.run("fetch", "--into", filled.directory / "source", exit=2, says=f"rm -r {place}")
    shutil.rmtree(place)
    filled.build("other", says="0.12.2-1")


def test_a_source_package_of_unknown_origin_is_not_used(filled, no_network):
    (filled.cache / "0.12.2-1").rename(filled.cache / "0.12.9-1")
    filled.build("other", says="0.12.2-1")
    shutil.rmtree(filled.cache / "0.12.2-1")
    no_network()
    filled.build("again", exit=2, says="apt-get failed")


def test_the_cache_is_for_its_user_alone(filled):
    assert filled.cache.stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_cache_that_others_can_write_is_refused(filled, mode):
    filled.cache.chmod(mode)
    filled.build("other", exit=2, says=f"{filled.cache} can be written by other users")


def test_a_cache_above_which_others_can_write_is_refused(filled, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    filled.cache = ""
    filled.build("other", says="0.12.2-1")
    (tmp_path / "home/gerve").chmod(0o777)
    filled.build("other", exit=2, says=f"{tmp_path / 'home/gerve'} can be written by other users")


def test_a_cache_of_another_user_is_refused(filled):
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    os.chown(filled.cache, 65534, -1)
    filled.build("other", exit=2, says=f"{filled.cache} belongs to user 65534")


def test_a_lock_that_leads_elsewhere_is_not_followed(filled, tmp_path):
    (filled.cache / "lock").unlink()
    (filled.cache / "lock").symlink_to(tmp_path / "elsewhere")
    told = filled.run("build", "--into", filled.directory / "other", "cc", exit=2, says=str(filled.cache / "lock"))
    assert "Traceback" not in told and not (tmp_path / "elsewhere").exists()


def test_what_waits_for_another_process_says_so(filled):
    with open(filled.cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        argv = [PROGRAM, "check", "--wanted", filled.wanted, "--cache", filled.cache, "0.12.2-1"]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as waiting:
            assert waiting.stderr.readline() == f"waiting for another process, which holds {filled.cache / 'lock'}\n"
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert "is the newest" in waiting.communicate()[0]


@pytest.mark.parametrize("missing", ["apt-get", "dpkg", "dpkg-source", "cmake"])
def test_a_program_that_is_missing_is_named_with_the_remedy(machine, archive, tmp_path, missing, monkeypatch):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.3-1")
    programs = tmp_path / "programs"
    programs.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        for name in os.listdir(directory) if os.path.isdir(directory) else []:
            if name != missing:
                with contextlib.suppress(FileExistsError):
                    (programs / name).symlink_to(os.path.join(directory, name))
    monkeypatch.setenv("PATH", str(programs))
    told = machine.run("build", "--into", machine.directory / "built", "cc", exit=2, says=f"no program {missing} here")
    assert "packaging/debian-packages.txt" in told and "Traceback" not in told


def test_a_place_that_cannot_be_written_is_named_with_the_remedy(machine, archive, tmp_path):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    (tmp_path / "file").write_text("")
    machine.build("file/built", exit=2, says="file/built")
    machine.cache = tmp_path / "file/cache"
    told = machine.run("build", "--into", machine.directory / "built", "cc", exit=2, says="--cache DIR")
    assert str(tmp_path / "file") in told and "Traceback" not in told


def test_a_wanted_file_that_lacks_a_line_is_named(machine):
    machine.wanted.write_text("from 0.12.2\n")
    machine.build(exit=2, says=f"{machine.wanted} must have a line for each")
