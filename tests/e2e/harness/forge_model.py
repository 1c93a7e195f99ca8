"""What a user may do with a unit of a repository in a Forgejo or Gitea: a model of the forges' rules.

It is written from the description of the rules alone, and shares nothing with authz: no statement, no code. Each cell of
the table of rules has a name, and is a place where the model can be bent (`bent=`), so that a test can show that
a comparison with it would notice.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Callable, Optional

CODE, WIKI = 1, 5
NONE, READ, WRITE, ADMIN, OWNER = range(5)
PERSON, ORGANIZATION = 0, 1


class Family(Enum):
    FORGEJO = "forgejo"        # Forgejo 7 and later
    GITEA_1_21 = "gitea-1.21"  # and before
    GITEA_1_22 = "gitea-1.22"  # and 1.23
    GITEA_1_24 = "gitea-1.24"
    GITEA_1_25 = "gitea-1.25"  # and later

    @property
    def column(self) -> str:
        """Of the table of rules."""
        if self in (Family.FORGEJO, Family.GITEA_1_21):
            return "old"
        return "middle" if self is Family.GITEA_1_22 else "new"


@dataclass
class Settings:
    """Of app.ini."""
    require_signin: bool = False
    force_private: bool = False
    disabled_units: frozenset[int] = frozenset()


@dataclass
class Unit:
    """A row of repo_unit. Each forge has some of these columns."""
    default_permissions: int = 0
    everyone: int = 0
    anonymous: int = 0


@dataclass
class Team:
    """A team with a row in team_repo and one in team_user."""
    authorize: int
    units: dict[int, int]
    of_owner: bool = True  # team.org_id is the repository's owner


@dataclass
class World:
    """One user, one repository and its owner."""
    owner_type: int = PERSON
    owner_visibility: int = 0
    owner_active: bool = True
    user_is_owner: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_active: bool = True
    prohibit_login: bool = False
    is_private: bool = False
    is_archived: bool = False
    is_mirror: bool = False
    status: int = 0
    units: dict[int, Unit] = field(default_factory=dict)
    collaborates: bool = False
    is_member: bool = False
    access: Optional[int] = None
    teams: list[Team] = field(default_factory=list)


Bend = Callable[[str, int], int]


class Rules:
    """The rules of one family under some settings. `bent`: the cell whose answers are false."""

    def __init__(self, family: Family, settings: Settings, bent: str = ""):
        self.family, self.settings, self.bent = family, settings, bent
        self.seen: set[str] = set()  # cells that decided something

    def cell(self, name: str, value: int) -> int:
        """A value that this cell of the table gives; when it is bent, one on the other side of read and write."""
        self.seen.add(name)
        if name != self.bent:
            return value
        return WRITE if value == NONE else NONE

    def fact(self, name: str, value: bool) -> bool:
        """Likewise for what is true or not."""
        self.seen.add(name)
        return value != (name == self.bent)

    # ---- what the cells are made of

    def has(self, world: World, unit: int) -> bool:
        return unit in world.units and unit not in self.settings.disabled_units

    def visible(self, world: World) -> bool:
        if world.is_admin or world.user_is_owner:
            return True
        if world.owner_visibility != 2 and not world.is_restricted:
            return self.fact("VIS open", True)
        if world.is_member:
            return self.fact("VIS member", True)
        if self.family is Family.GITEA_1_25 and world.owner_visibility == 0 and not self.settings.require_signin:
            return self.fact("VIS restricted", True)
        return self.fact("VIS none", False)

    @staticmethod
    def public(world: World) -> bool:
        return not world.is_private and not world.is_restricted

    def acc(self, world: World) -> int:
        if world.access is not None:
            return self.cell("ACC row", world.access)
        if self.public(world):
            return self.cell("ACC public", READ)
        if (self.family is Family.GITEA_1_25 and not world.is_private and world.owner_visibility == 0
                and not self.settings.require_signin):
            return self.cell("ACC restricted", READ)
        return self.cell("ACC none", NONE)

    def everyone(self, unit: Unit) -> int:
        if self.family in (Family.FORGEJO, Family.GITEA_1_21):
            return NONE
        if self.family is not Family.GITEA_1_22 and self.settings.force_private:
            return self.fact("EV forced", False) * unit.everyone
        return unit.everyone

    def anonymous(self, unit: Unit) -> int:
        if self.family not in (Family.GITEA_1_24, Family.GITEA_1_25):
            return NONE
        if self.settings.force_private:
            return self.fact("AN forced", False) * unit.anonymous
        return unit.anonymous

    # ---- the table

    def mode(self, world: World, kind: int) -> int:
        if not self.has(world, kind):
            return self.cell("not HAS", NONE)
        unit = world.units[kind]
        everyone, anonymous = self.everyone(unit), self.anonymous(unit)
        if not self.visible(world) and not world.collaborates:
            return self.cell("not VIS", max(everyone, anonymous))
        if world.is_admin:
            return self.cell("administrator", OWNER)
        if world.user_is_owner:
            return self.cell("owner", OWNER)
        if world.owner_type != ORGANIZATION:
            return self.person(world, unit, everyone, anonymous)
        teams = [team for team in world.teams if self.counts(team)]
        if any(team.authorize >= ADMIN for team in teams):
            return self.cell("admin team", OWNER)
        rows = [team.units[kind] for team in teams if kind in team.units]
        return {"old": self.organization_old, "middle": self.organization_middle,
                "new": self.organization_new}[self.family.column](world, unit, teams, rows)

    def counts(self, team: Team) -> bool:
        return team.of_owner or self.fact("TEAMS of another organisation", False)

    def person(self, world: World, unit: Unit, everyone: int, anonymous: int) -> int:
        if self.family.column != "old":
            return self.cell("person", max(self.acc(world), everyone, anonymous))
        if not self.public(world):
            return self.cell("person, not PUB", self.acc(world))
        return self.default(unit, "person", lambda: self.acc(world))

    def default(self, unit: Unit, who: str, unset: Callable[[], int]) -> int:
        """Of a public repository: what default_permissions makes of it, where there is such a column."""
        value = unit.default_permissions if self.family is Family.FORGEJO else 0
        if value == 3:
            return self.cell(f"{who}, default 3", WRITE)
        if value == 0:
            return self.cell(f"{who}, default 0", unset())
        return self.cell(f"{who}, default other", NONE)

    def organization_old(self, world: World, unit: Unit, teams: list[Team], rows: list[int]) -> int:
        del teams
        x = self.acc(world) if world.collaborates else NONE
        positive = [row for row in rows if row > 0]
        if positive:
            return self.cell("organisation, team unit", max([x, *positive]))
        if world.collaborates:
            return self.cell("organisation, collaborator", x)
        if self.public(world):
            return self.default(unit, "organisation", lambda: READ)
        return self.cell("organisation, nothing", NONE)

    def organization_middle(self, world: World, unit: Unit, teams: list[Team], rows: list[int]) -> int:
        """An entry is what gives the unit a mode of its own: collaboration, a team's row, or being public."""
        del unit, teams
        acc = self.acc(world)
        if (world.collaborates or rows or self.public(world)) and acc >= ADMIN:
            return self.cell("organisation, ACC 3", acc)
        x = acc if world.collaborates else NONE
        if rows:
            return self.cell("organisation, team unit", max([x, *rows]))
        if world.collaborates:
            return self.cell("organisation, collaborator", x)
        if self.public(world):
            return self.cell("organisation, public", READ)
        return self.cell("organisation, nothing", NONE)

    def organization_new(self, world: World, unit: Unit, teams: list[Team], rows: list[int]) -> int:
        public = READ if self.public(world) else NONE
        a = max(self.acc(world), public)
        if not teams:
            return self.cell("organisation, no team", max(a, self.everyone(unit), self.anonymous(unit)))
        if a >= ADMIN:
            return self.cell("organisation, A 3", a)
        return self.cell("organisation, teams", max([a if world.collaborates else NONE, public, *rows]))

    # ---- the checks around it

    def allows(self, world: World, kind: int, wanted: int, *, readers_push: bool = False) -> bool:
        """Whether a user's key is served: to read (1) or to write (2), by git's own services."""
        if world.owner_type != ORGANIZATION and not world.owner_active:
            return False
        if world.status in (1, 3):
            return False
        if wanted == WRITE and (world.is_mirror or world.is_archived):
            return False
        if not world.is_active or world.prohibit_login:
            return False
        if self.asks_mode(world, wanted):
            needed = READ if readers_push and kind == CODE else wanted
            if self.mode(world, kind) < needed:
                return False
        return kind != WIKI or self.has(world, WIKI)

    def asks_mode(self, world: World, wanted: int) -> bool:
        return (wanted == WRITE or world.is_private or world.owner_visibility == 2 or world.is_restricted
                or self.settings.require_signin)
