"""packaging/libssh/source against an archive of the test's own, signed by a key of its own: what is fetched, what is refused,
and what works without the network."""

from pathlib import Path

from libssh_archive import Archive


def contains(archive_file: Path, version: str) -> bool:
    return version.encode() in archive_file.read_bytes()


def test_the_newest_in_the_range_is_built_whichever_suite_has_it(machine, archive):
    archive.suite("testing", "0.12.2-1", "0.11.5-1")
    archive.suite("unstable", "0.12.10-1", "0.13.0-1", "0.13~rc1-1")
    built = machine.build(says="0.12.10-1")
    assert (built / "version").read_text() == "0.12.10-1\n"
    assert contains(built / "libssh.a", "0.12.10-1")
    assert {file.name for file in (built / "include/libssh").iterdir()} == {"libssh.h", "libssh_version.h"}
    assert not list(built.glob("libssh.*/")), "the work is left behind"


def test_nothing_is_built_twice_or_fetched_twice(machine, archive, no_network):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    made = machine.build().joinpath("libssh.a").stat().st_mtime_ns
    no_network()
    assert machine.build(says="0.12.2-1").joinpath("libssh.a").stat().st_mtime_ns == made
    machine.build("elsewhere", says="0.12.2-1")
    machine.build("built", "--flag=-O1")
    assert (machine.directory / "built/libssh.a").stat().st_mtime_ns != made, "other flags change nothing"


def test_a_new_version_is_taken_a_day_later(machine, archive):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.2-1")
    machine.build(says="0.12.2-1")
    archive.suite("unstable", "0.12.3-1")
    machine.build(says="0.12.2-1")
    machine.days_later(1.1)
    built = machine.build(says="0.12.3-1")
    assert contains(built / "libssh.a", "0.12.3-1")


def test_without_network_or_cache_it_fails_and_says_why(machine, archive, no_network):
    no_network()
    machine.build(exit=2, says="apt-get failed")
    assert not (machine.directory / "built/libssh.a").exists()


def test_no_version_in_the_range_names_what_there_is_and_what_to_do(machine, archive):
    archive.suite("testing", "0.11.5-1")
    archive.suite("unstable", "0.13.1-1")
    told = machine.run("build", "--into", machine.directory / "built", "cc", exit=2, says="from 0.12.2 to below 0.13")
    assert "0.11.5-1 and 0.13.1-1" in told and "wanted.txt" in told


def test_an_archive_that_somebody_else_signed_is_refused(machine, archive, tmp_path):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.2-1")
    other = Archive(tmp_path / "other")
    other.close()
    archive.keyring.write_bytes(other.keyring.read_bytes())
    machine.build(exit=2, says="apt-get failed")


def test_an_unsigned_archive_is_refused(machine, archive):
    for suite in ("testing", "unstable"):
        archive.suite(suite, "0.12.2-1")
        (archive.root / f"dists/{suite}/InRelease").unlink()
    machine.build(exit=2, says="apt-get failed")


def test_a_source_package_that_is_not_what_the_archive_signed_is_refused(machine, archive):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    tar = archive.root / "pool/libssh_0.12.2-1.tar.gz"
    content = bytearray(tar.read_bytes())
    content[-1] ^= 1
    tar.write_bytes(content)
    machine.build(exit=2, says="apt-get failed")


def test_a_keyring_that_is_not_there_is_named(machine, archive):
    archive.keyring.unlink()
    machine.build(exit=2, says="install debian-archive-keyring")


def test_what_was_fetched_is_built_on_a_machine_without_the_network(machine, archive, tmp_path, no_network):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    source = tmp_path / "source"
    machine.run("fetch", "--into", source, says=f"libssh 0.12.2-1 is in {source}")
    machine.run("fetch", "--into", source, exit=2, says="is not empty")
    no_network()
    machine.cache = tmp_path / "no cache"
    built = machine.build("built", "--source", source, says="0.12.2-1")
    assert contains(built / "libssh.a", "0.12.2-1")
    assert not machine.cache.exists()


def test_a_source_that_was_changed_on_the_way_is_refused(machine, archive, tmp_path):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    machine.run("fetch", "--into", tmp_path / "source")
    tar = tmp_path / "source/libssh_0.12.2-1.tar.gz"
    tar.write_bytes(tar.read_bytes() + b"\0")
    machine.build("built", "--source", tmp_path / "source", exit=2, says="dpkg-source failed")


def test_a_source_outside_of_the_range_is_refused(machine, archive, tmp_path):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable")
    machine.run("fetch", "--into", tmp_path / "source")
    machine.wanted.write_text(machine.wanted.read_text().replace("0.12.2", "0.12.3"))
    machine.build("built", "--source", tmp_path / "source", exit=2, says="wants one from 0.12.3 to below 0.13")
    machine.build("built", "--source", tmp_path / "none", exit=2, says="0 files libssh_*.dsc")


def test_check_tells_whether_a_version_is_behind(machine, archive, no_network):
    archive.suite("testing", "0.12.2-1")
    archive.suite("unstable", "0.12.2-1")
    machine.run("check", "0.12.2-1", says="is the newest of testing and unstable")
    archive.suite("unstable", "0.12.3-1")
    machine.run("check", "0.12.2-1", exit=1, says="warning: libssh 0.12.2-1 is behind")
    archive.suite("unstable", "0.12.2-1", "0.13.0-1")
    machine.run("check", "0.12.2-1", says="0.13.0-1 too, which is outside of the range")
    no_network()
    machine.run("check", "0.12.2-1", exit=2, says="cannot tell")


def test_check_fails_when_no_suite_has_a_version_that_fits(machine, archive):
    archive.suite("testing", "0.13.0-1")
    archive.suite("unstable", "0.13.0-1")
    told = machine.run("check", "0.12.2-1", exit=1, says="0.12.2-1 may lack fixes: no libssh from 0.12.2 to below 0.13")
    assert "0.13.0-1" in told and "newest" not in told
    for suite in ("testing", "unstable"):
        archive.suite(suite)
    assert "which has none" in machine.run("check", "0.12.2-1", exit=1)


def test_check_reads_the_version_that_a_gerve_prints(machine, archive, tmp_path):
    archive.suite("testing", "0.12.3-1")
    archive.suite("unstable", "0.12.3-1")
    gerve = tmp_path / "gerve"

    def contains_libssh(text: str) -> Path:
        gerve.write_text(f"#!/bin/sh\necho 'gerve 0.1.0 (commit 0123456, libssh {text})'\n")
        gerve.chmod(0o755)
        return gerve

    machine.run("check", contains_libssh("0.12.2, built from Debian source 0.12.2-1"), exit=1, says="0.12.2-1 is behind")
    machine.run("check", contains_libssh("0.12.3, built from Debian source 0.12.3-1"), says="0.12.3-1 is the newest")
    machine.run("check", contains_libssh("0.10.6 of the distribution"), exit=2, says="apt-cache policy libssh-dev")
