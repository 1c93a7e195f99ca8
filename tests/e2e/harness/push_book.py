"""What the trail tells of each push, compared with what the push changed in the repository."""

from dataclasses import dataclass, field

from .audit import events
from .processes import wait_until

NONE = "0" * 40
TAKEN, REFUSED = "taken", "refused"


def refs(repository) -> dict[str, str]:
    """Those of the clients: Gerve's own, below refs/gerve, are left out."""
    lines = repository.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines if not line.startswith("refs/gerve/"))


@dataclass
class Told:
    """What the trail has of one push."""

    session: dict
    changes: list[dict] = field(default_factory=list)

    def row(self, name: str) -> tuple:
        """Kind and outcome of one ref."""
        (change,) = [change for change in self.changes if change["ref"] == name]
        return change["kind"], change["outcome"]

    def why(self, name: str) -> str:
        return next(change.get("why", "") for change in self.changes if change["ref"] == name)


class Book:
    """Compares each push with the repository: what changed there is what is told to have been taken."""

    def __init__(self, site, repository):
        self.site = site
        self.repository = repository
        # Earlier pushes of the test may still be on their way to the trail.
        begun = {event["request"] for event in events(site, "--repo", repository.path, "--event", "decision")
                 if event["service"] == "git-receive-pack" and event["is"] == "allow"}
        self.seen = wait_until(lambda: (ended := {event["request"] for event in self._sessions()}) >= begun and ended,
                               "earlier pushes are on record") if begun else set()

    def _sessions(self) -> list[dict]:
        found = events(self.site, "--repo", self.repository.path, "--event", "session")
        return [event for event in found if event["service"] == "git-receive-pack"]

    def push(self, work, *words: str, **expected) -> Told:
        return self.after(lambda: work.git("push", *words, **expected))

    def after(self, push, settled: bool | None = False) -> Told:
        """settled: whether the outcomes come from the repository, and not from git's report; None: some may."""
        before = refs(self.repository)
        push()
        session = self.next_session()
        told = Told(session)
        for event in events(self.site, "--request", session["request"], "--event", "push"):
            assert event["part"] == 1 + len(told.changes) // 128
            told.changes += event["refs"]
        self._check(told, before, refs(self.repository), settled)
        return told

    def next_session(self) -> dict:
        new = wait_until(lambda: [one for one in self._sessions() if one["request"] not in self.seen],
                         "it is on record", timeout=40)
        (session,) = new
        self.seen.add(session["request"])
        return session

    @staticmethod
    def _check(told: Told, before: dict, after: dict, settled: bool | None) -> None:
        changed = {name: (before.get(name, NONE), after.get(name, NONE)) for name in {*before, *after}
                   if before.get(name) != after.get(name)}
        taken = {one["ref"]: (one["old"], one["new"]) for one in told.changes if one["outcome"] == TAKEN}
        for name, (old, new) in list(changed.items()):
            if new == NONE and taken.get(name) == (NONE, NONE):  # the client gave no object that was there
                taken[name] = (old, new)
        assert {name: ids for name, ids in taken.items() if ids[0] != ids[1]} == changed, (changed, told)
        for one in told.changes:
            is_third = after.get(one["ref"], NONE) not in (one["old"], one["new"], NONE)
            never_was = one["kind"] == "delete" and one["ref"] not in before
            is_open = settled is None and one.get("settled") and (is_third or never_was)
            assert one["outcome"] in (TAKEN, REFUSED) or is_open, told
            assert settled is None or bool(one.get("settled")) == settled, told
        session = told.session
        counts = [sum(one["outcome"] == outcome for one in told.changes) for outcome in (TAKEN, REFUSED)]
        assert [session["refs_taken"], session["refs_refused"]] == counts, told
        if "refs_unknown" in session and settled is None:
            return
        assert "refs_unknown" not in session, told
        word = {(True, False): "taken", (True, True): "partly", (False, True): "refused", (False, False): "nothing"}
        assert session["push"] == word[counts[0] > 0, counts[1] > 0], told
        if settled is False:
            assert (session["ended"] == "declined") == (session["push"] == "refused"), told
