"""Git LFS at the agent: the protocol, objects, locks, and hostile clients."""

import os
import random
import time

import pytest
from conftest import wait_until
from lfs_client import ALICE, DOWNLOAD, MB, NOWHERE, LfsClient, check_objects, left_aside, line, oid_of, packet, stored

# ---- objects


def test_an_object_comes_and_goes(site, bare):
    data = os.urandom(3 * MB + 17)
    oid = oid_of(data)
    with_upload = LfsClient(site)
    batch = with_upload.batch((oid, len(data)), (oid_of(b""), 0))
    assert batch.status == 200 and batch.value("hash-algo") == "sha256"
    assert batch.lines == [f"{oid} {len(data)} upload", f"{oid_of(b'')} 0 upload"]
    put = with_upload.put(data)
    assert (put.status, put.delimiter) == (200, False)
    assert with_upload.ask(f"verify-object {oid}", f"size={len(data)}").status == 200
    assert with_upload.put(b"").status == 200
    assert with_upload.batch((oid, len(data))).lines == [f"{oid} {len(data)} noop"]
    with_upload.quit()
    assert stored(bare, oid).read_bytes() == data
    readers = (bare / "objects").stat().st_mode & 0o444
    assert stored(bare, oid).stat().st_mode & 0o777 == readers and stored(bare, b"").stat().st_size == 0
    assert left_aside(bare) == []

    reader = LfsClient(site, DOWNLOAD, ALICE)
    assert reader.batch((oid, 1), (NOWHERE, 5)).lines == [f"{oid} {len(data)} download", f"{NOWHERE} 5 noop"]
    got = reader.get(oid)
    assert got.status == 200 and got.value("size") == str(len(data)) and got.data == data
    assert reader.get(oid_of(b"")).data == b""
    reader.quit()
    done = site.agent.log_lines("done", "git-lfs-upload mojombo/bert.git", "status=0")
    assert len(done) == 1 and site.agent.log_lines("done", "git-lfs-download mojombo/bert.git", "status=0")


def test_objects_that_git_lfs_laid_there_are_served(site, bare):
    data = b"laid by git-lfs itself\n"
    place = stored(bare, data)
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    client = LfsClient(site, DOWNLOAD)
    assert client.get(oid_of(data)).data == data
    client.quit()


def test_an_error_of_get_object_has_a_delimiter(site, bare):
    client = LfsClient(site, DOWNLOAD)
    missing = client.get(NOWHERE)
    assert missing.status == 404 and missing.delimiter and NOWHERE in missing.text
    assert client.get("../../HEAD").status == 400
    client.quit()


@pytest.mark.parametrize("wrong", ["hash", "short", "long"])
def test_what_is_not_the_object_gets_no_name(site, bare, wrong):
    data = os.urandom(100_000)
    client = LfsClient(site)
    answer = {
        "hash": lambda: client.put(data, oid=oid_of(b"another")),
        "short": lambda: client.put(data, size=len(data) + 1),
        "long": lambda: client.put(data, size=len(data) - 1),
    }[wrong]()
    assert answer.status == 422 and answer.delimiter and answer.text
    assert client.put(data).status == 200, "the session goes on"
    client.quit()
    assert check_objects(bare) == 1 and left_aside(bare) == []


def test_a_damaged_object_is_replaced(site, bare):
    data = os.urandom(1000)
    place = stored(bare, data)
    place.parent.mkdir(parents=True)
    place.write_bytes(data[:-1])
    client = LfsClient(site)
    assert client.ask(f"verify-object {oid_of(data)}", "size=1000").status == 409
    assert client.batch((oid_of(data), 1000)).lines == [f"{oid_of(data)} 1000 upload"]
    assert client.put(data).status == 200
    client.quit()
    assert place.read_bytes() == data


def test_links_are_not_followed(site, bare):
    data = os.urandom(1000)
    outside = site.directory / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    place = stored(bare, data)
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / "secret")
    reader = LfsClient(site, DOWNLOAD)
    assert reader.get(oid_of(data)).status == 404
    reader.quit()
    writer = LfsClient(site)
    assert writer.put(data).status == 200
    writer.quit()
    assert place.read_bytes() == data and not place.is_symlink()
    assert (outside / "secret").read_bytes() == b"secret"
    # A directory of them: nothing is written through it.
    other = os.urandom(1000)
    (bare / "lfs/objects" / oid_of(other)[:2]).symlink_to(outside)
    writer = LfsClient(site)
    assert writer.put(other).status == 500
    writer.quit()
    assert os.listdir(outside) == ["secret"]


def test_a_shared_repository_stays_one(site, bare):
    for name in ("objects", "."):
        (bare / name).chmod(0o2770)
    data = os.urandom(1000)
    client = LfsClient(site)
    assert client.put(data).status == 200
    client.quit()
    assert stored(bare, data).parent.stat().st_mode & 0o7777 == 0o2770


def test_one_that_may_read_writes_nothing(site, bare):
    client = LfsClient(site, DOWNLOAD)
    for answer in (client.put(b"data"), client.ask("lock", "path=a"), client.ask("unlock " + "0" * 32),
                   client.ask(f"verify-object {NOWHERE}", "size=1")):
        assert answer.status == 400 and "upload" in answer.text
    client.quit()
    assert not (bare / "lfs").exists()


# ---- locks


def test_locks(site, bare):
    bert, alice = LfsClient(site), LfsClient(site, env=ALICE)
    made = bert.ask("lock", "path=art/a b.psd", "refname=refs/heads/main")
    assert made.status == 201 and made.value("path") == "art/a b.psd" and made.value("ownername") == "bert"
    time.strptime(made.value("locked-at"), "%Y-%m-%dT%H:%M:%SZ")
    lock = made.value("id")
    taken = alice.ask("lock", "path=art/a b.psd")
    assert taken.status == 409 and taken.value("id") == lock and taken.value("ownername") == "bert"
    assert taken.text == "locked by bert"
    assert bert.ask("lock", "path=art/a b.psd").status == 409
    refused = alice.ask(f"unlock {lock}")
    assert refused.status == 403 and "bert" in refused.text and f"gerve lfs unlock mojombo/bert {lock}" in refused.text
    for spelling in ("list-lock", "list-locks"):
        listed = alice.ask(spelling)
        assert listed.status == 200 and listed.lines == [
            f"lock {lock}", f"path {lock} art/a b.psd", f"locked-at {lock} {made.value('locked-at')}",
            f"ownername {lock} bert", f"owner {lock} theirs"]
    gone = bert.ask(f"unlock {lock}")
    assert gone.status == 200 and gone.value("id") == lock
    assert bert.ask(f"unlock {lock}").status == 404 and bert.ask("unlock ../../HEAD").status == 404
    assert alice.ask("lock", "path=art/a b.psd").status == 201
    bert.quit()
    alice.quit()


def test_a_holder_is_an_account_or_a_deploy_key(site, bare):
    bert = LfsClient(site)
    lock = bert.ask("lock", "path=a").value("id")
    bert.quit()
    renamed = LfsClient(site, env={"GERVE_USER": "bertrand"})
    assert renamed.ask("list-lock").lines[-2:] == [f"ownername {lock} bertrand", f"owner {lock} ours"]
    other = LfsClient(site, DOWNLOAD, ALICE)
    assert other.ask("list-lock").lines[-2:] == [f"ownername {lock} bertrand", f"owner {lock} theirs"]
    other.quit()
    assert renamed.ask(f"unlock {lock}").status == 200
    renamed.quit()
    key = {"GERVE_USER": "deploy-key", "GERVE_USER_ID": "", "GERVE_KEY": "SHA256:one"}
    first, second = LfsClient(site, env=key), LfsClient(site, env={**key, "GERVE_KEY": "SHA256:two"})
    lock = first.ask("lock", "path=b").value("id")
    assert second.ask(f"unlock {lock}").status == 403
    assert first.ask(f"unlock {lock}").status == 200
    first.quit()
    second.quit()


def test_pages_of_locks(site, bare):
    client = LfsClient(site)
    ids = sorted(client.ask("lock", f"path=file-{i}").value("id") for i in range(25))
    seen, cursor = [], []
    while True:
        page = client.ask("list-lock", "limit=10", *cursor)
        seen += [one.split()[1] for one in page.lines if one.startswith("lock ")]
        if not page.arguments:
            break
        cursor = [f"cursor={page.value('next-cursor')}"]
    assert seen == ids
    one = client.ask("list-lock", "path=file-3")
    assert [text for text in one.lines if text.startswith("path ")][0].endswith(" file-3")
    lock = one.lines[0].split()[1]
    assert client.ask("list-lock", f"id={lock}").lines == one.lines
    assert client.ask("list-lock", f"id={lock}", "path=file-3").lines == one.lines
    assert client.ask("list-lock", f"id={lock}", "path=file-4").lines == []
    assert client.ask("list-lock", "path=nothing").lines == client.ask("list-lock", "id=../../HEAD").lines == []
    client.quit()


def test_a_repository_has_ten_thousand_locks_at_most(site, bare):
    client = LfsClient(site)
    last = client.ask("lock", "path=last").value("id")
    for n in range(9_999):
        (bare / "lfs/locks" / f"{n:032x}").touch()
    refused = client.ask("lock", "path=one more")
    assert refused.status == 507 and "10000 locks" in refused.text and "gerve lfs unlock" in refused.text
    assert client.ask("lock", "path=last").status == 409
    assert client.ask(f"unlock {last}").status == 200 and client.ask("lock", "path=one more").status == 201
    client.quit()


def test_a_download_leaves_the_names_of_holders(site, bare):
    bert = LfsClient(site)
    lock = bert.ask("lock", "path=a").value("id")
    bert.quit()
    written = (bare / "lfs/locks" / lock).read_bytes()
    reader = LfsClient(site, DOWNLOAD, env={"GERVE_USER": "bertrand"})
    assert f"ownername {lock} bert" in reader.ask("list-lock").lines
    reader.quit()
    assert (bare / "lfs/locks" / lock).read_bytes() == written


def test_one_of_many_gets_the_lock(site, bare):
    clients = [LfsClient(site, env={"GERVE_USER_ID": str(n), "GERVE_USER": f"user{n}"}) for n in range(8)]
    for client in clients:
        client.send("lock", "path=the one")
    answers = [client.answer() for client in clients]
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert len({answer.value("id") for answer in answers}) == 1
    assert len({answer.value("ownername") for answer in answers}) == 1
    for client in clients:
        client.quit()


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "./a", "a\x1bb", "a" * 4097,
                                  "a\udcff", "a\x9bb", "a\u202egpj.exe", "a\u2066b", "a\u2028b", "\u061ca"])
def test_paths_that_no_tree_has_are_not_locked(site, bare, path):
    client = LfsClient(site)
    body = packet(b"lock\n") + packet(b"path=" + path.encode(errors="surrogateescape") + b"\n") + b"0000"
    client.session.write(body)
    assert client.answer().status == 400
    client.quit()
    assert not (bare / "lfs/locks").exists()


def test_letters_of_all_languages_are_locked(site, bare):
    client = LfsClient(site)
    for path in ("\u00e9t\u00e9.psd", "\u56fe.psd", "\U0001f469\u200d\U0001f3a8.psd", "\u05d0.psd", "\u00a0"):
        made = client.ask("lock", f"path={path}")
        assert made.status == 201 and made.value("path") == path, (path, made.text)
    client.quit()


# ---- hostile clients


def test_an_object_that_never_comes_takes_no_room(site, bare):
    """Its size is what a client says."""
    sizes = os.statvfs(bare)
    free = sizes.f_bavail * sizes.f_frsize
    clients = [LfsClient(site) for _ in range(3)]
    for client in clients:
        client.begin_put(NOWHERE, free // 2, b"x")
    wait_until(lambda: len(left_aside(bare)) == 6, what="three sessions, and what they receive")
    held = [bare / "lfs/incoming" / name for name in left_aside(bare)]
    assert sum(file.stat().st_blocks * 512 for file in held) < MB
    for client in clients:
        client.session.close()
    wait_until(lambda: left_aside(bare) == [], what="nothing to be left")
    client = LfsClient(site)
    for size in (free * 2, 1 << 62):
        refused = client.ask(f"put-object {NOWHERE}", f"size={size}", body=packet(b"x"))
        assert refused.status == 507 and "disk of the file server is full" in refused.text
    client.quit()
    assert left_aside(bare) == []


@pytest.mark.parametrize("bytes_sent", [
    b"0003", b"0002", b"zzzz", b"-001", b"ffff" + b"x" * 70000, b"fff1" + b"x" * 70000, b"0000", b"0001", b"000",
    b"0008abcd"[:6], line("batch") * 40 + b"0000", packet(b"batch" * 2000) + b"0000",
], ids=lambda sent: repr(sent[:12]))
def test_what_is_no_request_ends_the_session(site, bare, bytes_sent):
    client = LfsClient(site)
    client.session.write(bytes_sent)
    client.session.end_input()
    client.session.finish()
    assert client.session.status == 1 and b"git-lfs-transfer: " in client.session.stderr
    assert len(client.session.stderr) < 300


def test_requests_that_make_no_sense_are_answered(site, bare):
    client = LfsClient(site, version=False)
    assert client.batch((NOWHERE, 1)).status == 400, "no version yet"
    assert client.ask("version 2").status == 400 and client.ask("version 1").status == 200
    for command in ("batch", "put-object", f"put-object {NOWHERE}", "verify-object", "lock", "make-coffee", "\x1b[2J",
                    f"verify-object {NOWHERE} -1", f"verify-object {NOWHERE} 99999999999999999999"):
        answer = client.ask(command)
        assert answer.status == 400 and answer.delimiter and answer.text.isprintable(), command
    assert client.ask("batch", body=line("nonsense")).status == 422
    assert client.ask("batch", "hash-algo=sha1", body=b"").status == 400
    assert client.ask("batch", body=line(f"{NOWHERE} 1") * 10_001).status == 413
    assert client.ask(f"put-object {NOWHERE}", "size=1", "size=2", body=packet(b"x")).status == 400
    assert client.batch().status == 200
    client.quit()


def test_what_looks_like_random_bytes_does_no_harm(site, bare):
    chance = random.Random(20)
    words = [b"0000", b"0001", b"0004", line("version 1"), line("batch"), line(f"put-object {NOWHERE}"), line("size=3"),
             packet(b"abc"), line(f"{NOWHERE} 3"), line("lock"), line("path=a"), b"zz", b"00"]
    for _ in range(40):
        client = LfsClient(site, version=chance.random() < 0.8)
        client.session.write(b"".join(chance.choice(words) for _ in range(chance.randrange(1, 30))))
        client.session.end_input()
        client.session.finish()
        assert client.session.status in (0, 1)
    assert check_objects(bare) == 0 and left_aside(bare) == []
