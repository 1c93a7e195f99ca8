"""Random worlds for the model of a forge's rules, and the rows that make them in the forge's tables."""

import random
from dataclasses import replace

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .forge_model import CODE, ORGANIZATION, PERSON, READ, WIKI, WRITE, Family, Team, Unit, World

# Of one world; a further one, which owns nothing, is for a team of another organisation.
USERS_EACH = 3
# What each user is asked about: unit, access, service.
QUESTIONS = [(CODE, READ, "git-upload-pack"), (CODE, WRITE, "git-receive-pack"), (WIKI, READ, "git-upload-archive"),
             (WIKI, WRITE, "git-receive-pack")]


def user_id(world: int) -> int:
    return USERS_EACH * world + 1


def owner_id(world: int, facts: World) -> int:
    return user_id(world) if facts.user_is_owner else user_id(world) + 1


def repository_id(world: int) -> int:
    return world + 1


def path_of(world: int, facts: World) -> str:
    """As a client names the repository."""
    owner = f"User{world}" if facts.user_is_owner else f"Owner{world}"
    return f"{owner}/Repo{world}"


def random_blob(dice: random.Random) -> bytes:
    """Of a key that nobody can sign with. authz does not verify signatures."""
    return b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + dice.randbytes(32)


def public_line(blob: bytes) -> str:
    key = Ed25519PublicKey.from_public_bytes(blob[-32:])
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _odds(dice: random.Random, likely: float) -> bool:
    return dice.random() < likely


def _mode(dice: random.Random) -> int:
    return dice.choice([0, 1, 1, 2, 2, 3, 4])


def _unit(dice: random.Random) -> Unit:
    return Unit(default_permissions=dice.choice([0, 0, 3, 1]), everyone=dice.choice([0, 0, 1, 2]),
                anonymous=dice.choice([0, 0, 0, 1]))


def _team(dice: random.Random) -> Team:
    units = {kind: dice.choice([0, 1, 2]) for kind in (CODE, 2, WIKI) if _odds(dice, 0.6)}
    return Team(authorize=dice.choice([1, 1, 2, 2, 3, 4]), units=units, of_owner=_odds(dice, 0.85))


def random_world(dice: random.Random) -> World:
    """One where most things are as usual: what refuses everything would hide the rest."""
    world = World(owner_type=ORGANIZATION if _odds(dice, 0.65) else PERSON,
                  owner_visibility=dice.choice([0, 0, 0, 1, 2, 2]),
                  owner_active=_odds(dice, 0.97), user_is_owner=_odds(dice, 0.06), is_admin=_odds(dice, 0.06),
                  is_restricted=_odds(dice, 0.3), is_active=_odds(dice, 0.98), prohibit_login=_odds(dice, 0.02),
                  is_private=_odds(dice, 0.5), is_archived=_odds(dice, 0.04), is_mirror=_odds(dice, 0.03),
                  status=dice.choice([0] * 30 + [1, 2, 3]),
                  units={kind: _unit(dice) for kind in (CODE, WIKI) if _odds(dice, 0.9)},
                  collaborates=_odds(dice, 0.35), is_member=_odds(dice, 0.3),
                  access=_mode(dice) if _odds(dice, 0.45) else None)
    if world.user_is_owner:
        world = replace(world, owner_type=PERSON, owner_active=world.is_active)
    if world.owner_type == ORGANIZATION and _odds(dice, 0.6):
        world.teams = [_team(dice) for _ in range(dice.choice([1, 1, 2]))]
    return world


class Rows:
    """INSERTs, gathered by table."""

    def __init__(self):
        self.tables: dict[str, list[str]] = {}
        self.teams = 0

    def add(self, table: str, **columns) -> None:
        names = ", ".join(columns)
        values = ", ".join("NULL" if value is None else str(int(value)) if isinstance(value, (int, bool))
                           else f"'{value}'" for value in columns.values())
        self.tables.setdefault(f"INSERT INTO `{table}` ({names}) VALUES ", []).append(f"({values})")

    def sql(self) -> str:
        return "".join(start + ",\n".join(rows) + ";\n" for start, rows in self.tables.items())

    def add_world(self, number: int, facts: World, family: Family, line: str, fingerprint: str) -> None:
        """`line`: the user's public key."""
        user, owner, repository = user_id(number), owner_id(number, facts), repository_id(number)
        self.add("user", id=user, lower_name=f"user{number}", name=f"User{number}", type=PERSON,
                 is_active=facts.is_active, is_admin=facts.is_admin, is_restricted=facts.is_restricted,
                 prohibit_login=facts.prohibit_login,
                 visibility=facts.owner_visibility if facts.user_is_owner else 0)
        if not facts.user_is_owner:
            self.add("user", id=owner, lower_name=f"owner{number}", name=f"Owner{number}", type=facts.owner_type,
                     is_active=facts.owner_active, is_admin=0, is_restricted=0, prohibit_login=0,
                     visibility=facts.owner_visibility)
        self.add("public_key", owner_id=user, name="key", fingerprint=fingerprint, content=line)
        self.add("repository", id=repository, owner_id=owner, lower_name=f"repo{number}", name=f"Repo{number}",
                 is_private=facts.is_private, is_archived=facts.is_archived, is_mirror=facts.is_mirror,
                 status=facts.status)
        for kind, unit in facts.units.items():
            self.add_unit(repository, kind, unit, family)
        if facts.collaborates:
            self.add("collaboration", repo_id=repository, user_id=user, mode=1)
        if facts.is_member:
            self.add("org_user", uid=user, org_id=owner)
        if facts.access is not None:
            self.add("access", user_id=user, repo_id=repository, mode=facts.access)
        for team in facts.teams:
            self.add_team(team, owner if team.of_owner else user + 2, user, repository)

    def add_unit(self, repository: int, kind: int, unit: Unit, family: Family) -> None:
        columns = {}
        if family is Family.FORGEJO:
            columns["default_permissions"] = unit.default_permissions
        if family.column in ("middle", "new"):
            columns["everyone_access_mode"] = unit.everyone
        if family.column == "new":
            columns["anonymous_access_mode"] = unit.anonymous
        self.add("repo_unit", repo_id=repository, type=kind, **columns)

    def add_team(self, team: Team, organization: int, user: int, repository: int) -> None:
        self.teams += 1
        self.add("team", id=self.teams, org_id=organization, name=f"team{self.teams}", authorize=team.authorize)
        self.add("team_user", org_id=organization, team_id=self.teams, uid=user)
        self.add("team_repo", org_id=organization, team_id=self.teams, repo_id=repository)
        for kind, mode in team.units.items():
            self.add("team_unit", org_id=organization, team_id=self.teams, type=kind, access_mode=mode)
