"""What a user may do, as the roles say it: levels, field masks, permissions (ADR-0031).

An area is the first half of a scope, such as `contacts`. Areas of records have a level for each
action; the others are settings, which a permission opens as a whole. What is neither is for those
alone who may do everything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args
from uuid import UUID

Level = Literal["none", "own", "team", "subtree", "all"]
LEVELS: tuple[Level, ...] = get_args(Level)
Action = Literal["read", "create", "update", "delete"]
ACTIONS: tuple[Action, ...] = get_args(Action)
EVERY = "*"
"""All areas of records without levels of their own; among permissions, everything."""
Levels = Mapping[str, Mapping[Action, Level]]
Masks = Mapping[str, frozenset[str]]
VERBS = frozenset({"export", "import", "merge", "purge"})
"""What beside the four actions takes a permission of this name."""


class Managed(NamedTuple):
    """An area of settings: what it takes to change them."""

    permission: str
    secret: bool = False
    """Whether that also goes for reading."""


_records: dict[str, str] = {}
_recorded: set[str] = set()
"""The areas of those."""
_managed: dict[str, Managed] = {}
_following: set[str] = set()
_acts: dict[str, str] = {}
_telling: dict[tuple[str, str], dict[str, frozenset[str]]] = {}


def govern(
    entities: Mapping[str, str],
    managed: Mapping[str, Managed],
    following: Iterable[str] = (),
    acts: Mapping[str, str] | None = None,
    telling: Mapping[str, Mapping[str, frozenset[str]]] | None = None,
) -> None:
    """Make known which areas there are: those of records, by their kinds, and those of settings.

    In the areas that are `following`, what may be done to a record follows from those that it is
    about. What is among the `acts` takes a permission of its own beside the right to write in an area.
    Some kinds of record are `telling` fields of others, such as `product.cost`, by fields
    of their own, which are hidden with them.
    """
    for teller, told in (telling or {}).items():
        for name, fields in told.items():
            entity, _, field_name = name.partition(".")
            _telling.setdefault((entity, field_name), {})[teller] = fields
    _acts.update(acts or {})
    _records.update(entities)
    _recorded.update(entities.values())
    _managed.update(managed)
    _following.update(following)


def record_areas() -> frozenset[str]:
    """The areas in which levels count."""
    return frozenset(_recorded - _managed.keys() - _following)


def is_managed(area: str) -> bool:
    """Whether an area is one of settings."""
    return area in _managed


def permissions() -> frozenset[str]:
    """Every permission there is but the one for everything."""
    return VERBS | _acts.keys() | {managed.permission for managed in _managed.values()}


def areas_of(permission: str) -> list[str]:
    """The areas that a permission is about: of settings those that it opens."""
    own = [_acts[permission]] if permission in _acts else []
    return own + [area for area, managed in _managed.items() if managed.permission == permission]


def area_of(entity: str) -> str:
    """The area of a kind of record; those of custom objects share one."""
    return _records.get(entity, "objects")


def higher(one: Level, other: Level) -> Level:
    """The level that reaches further."""
    return one if LEVELS.index(one) > LEVELS.index(other) else other


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """The rights of a user, and whose records their levels mean."""

    user_id: UUID
    levels: Levels = field(default_factory=dict[str, Mapping[Action, Level]])
    hidden: Masks = field(default_factory=dict[str, frozenset[str]])
    """By kind of record the fields that are not shown."""
    read_only: Masks = field(default_factory=dict[str, frozenset[str]])
    """By kind of record the fields that are shown but not to be set."""
    permissions: frozenset[str] = frozenset()
    roles: tuple[UUID, ...] = ()
    teams: tuple[UUID, ...] = ()
    peers: tuple[UUID, ...] = ()
    """The members of these teams, the user among them."""
    subtree: tuple[UUID, ...] = ()
    """Those of the teams below as well."""
    few: dict[str, bool] = field(default_factory=dict[str, bool])
    """By kind of record whether the user sees but few; filled on first use."""

    @property
    def full(self) -> bool:
        """Whether there is nothing that the user may not do."""
        return EVERY in self.permissions

    def holds(self, permission: str) -> bool:
        """Whether the user has a permission."""
        return self.full or permission in self.permissions

    def level(self, area: str, action: Action) -> Level:
        """How far an action reaches in an area."""
        if self.full:
            return "all"
        if area in _following:
            return "all"
        managed = _managed.get(area)
        if managed is not None:
            is_open = action == "read" and not managed.secret
            return "all" if is_open or managed.permission in self.permissions else "none"
        if area not in _recorded:
            return "none"
        return self.levels.get(area, self.levels.get(EVERY, {})).get(action, "none")

    def covers(self, area: str, verb: str) -> bool:
        """Whether the user may do what a scope is about, with some records at least."""
        if self.full or verb in VERBS:
            return self.holds(verb)
        if verb == "write":
            return any(self.level(area, action) != "none" for action in ACTIONS[1:])
        return any(verb == a and self.level(area, a) != "none" for a in ACTIONS)

    def owners(self, level: Level) -> tuple[UUID, ...]:
        """Whose records a level means."""
        if level == "own":
            return (self.user_id,)
        if level == "team":
            return self.peers
        return self.subtree if level == "subtree" else ()

    @property
    def principals(self) -> tuple[UUID, ...]:
        """Those with whom a record may be shared so that the user has it."""
        return (self.user_id, *self.teams, *self.roles)


@dataclass(frozen=True, slots=True)
class Role:
    """One role as it is stored."""

    id: UUID
    levels: Levels
    hidden: Masks
    read_only: Masks
    permissions: frozenset[str]

    def level(self, area: str, action: Action) -> Level:
        """How far an action reaches in an area of records."""
        return self.levels.get(area, self.levels.get(EVERY, {})).get(action, "none")


def combined(
    user_id: UUID,
    roles: Iterable[Role],
    *,
    teams: Iterable[UUID] = (),
    peers: Iterable[UUID] = (),
    subtree: Iterable[UUID] = (),
) -> Access:
    """The rights of a user with these roles: the highest level, all permissions, the least masks."""
    roles = list(roles)
    areas = {EVERY, *(area for role in roles for area in role.levels)}
    permitted = frozenset(permission for role in roles for permission in role.permissions)
    full = EVERY in permitted
    levels = {area: _highest(roles, area) for area in areas}
    masked = _masks(roles, _READING, [role.hidden for role in roles])
    return Access(
        user_id,
        levels=levels,
        hidden={} if full else _with_tellers(masked, levels),
        read_only={} if full else _masks(roles, _SETTING, [_closed(role) for role in roles]),
        permissions=permitted,
        roles=tuple(role.id for role in roles),
        teams=tuple(teams),
        peers=tuple({user_id, *peers}),
        subtree=tuple({user_id, *peers, *subtree}),
    )


def _highest(roles: list[Role], area: str) -> dict[Action, Level]:
    found: dict[Action, Level] = {}
    for action in ACTIONS:
        level: Level = "none"
        for role in roles:
            level = higher(level, role.level(area, action))
        found[action] = level
    return found


def _closed(role: Role) -> Masks:
    """The fields that a role does not let be set."""
    none: frozenset[str] = frozenset()
    entities = {*role.hidden, *role.read_only}
    return {e: role.hidden.get(e, none) | role.read_only.get(e, none) for e in entities}


def _with_tellers(hidden: Masks, levels: Levels) -> Masks:
    """The same, with the fields by which other kinds of record tell what is hidden.

    To those who read nothing of a kind all of its fields are.
    """
    found = dict(hidden)
    for (entity, name), tellers in _telling.items():
        reach = levels.get(area_of(entity), levels.get(EVERY, {})).get("read", "none")
        if reach == "none" or name in hidden.get(entity, ()):
            for teller, fields in tellers.items():
                found[teller] = found.get(teller, frozenset()) | fields
    return found


_READING: tuple[Action, ...] = ("read",)
_SETTING: tuple[Action, ...] = ("create", "update")


def _masks(roles: list[Role], actions: tuple[Action, ...], masks: list[Masks]) -> Masks:
    """What every role masks that lets one of the actions be done at all."""
    found: dict[str, frozenset[str]] = {}
    for entity in {entity for mask in masks for entity in mask}:
        area = area_of(entity)
        own: list[frozenset[str]] = [
            mask.get(entity, frozenset())
            for role, mask in zip(roles, masks, strict=True)
            if any(role.level(area, action) != "none" for action in actions)
        ]
        common = own[0].intersection(*own) if own else None
        if common:
            found[entity] = common
    return found
