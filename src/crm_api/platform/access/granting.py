"""Whether somebody may give what a role holds: nobody grants more than they have."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm_api.kit.access import (
    ACTIONS,
    EVERY,
    LEVELS,
    VERBS,
    Access,
    Action,
    Level,
    Role,
    areas_of,
)
from crm_api.kit.actor import Actor
from crm_api.kit.errors import Fault, Forbidden, Invalid

_MESSAGE = "Nobody gives more than they have."
PRINCIPALS = ("user_id", "team_id", "role_id")


def need_one_principal(given: Mapping[str, Any]) -> None:
    """Raise `Invalid` unless something is for one user, one team, or whoever has one role."""
    if sum(given[name] is not None for name in PRINCIPALS) != 1:
        message = "Say one of user_id, team_id and role_id."
        faults = [Fault("one_of", message, pointer=f"/{name}") for name in PRINCIPALS]
        raise Invalid(message, faults=faults)


def principal_of(given: Mapping[str, Any]) -> UUID:
    """For whom something is."""
    return next(filter(None, map(given.get, PRINCIPALS)))


def role_of(record: Mapping[str, Any]) -> Role:
    """A role from its column values."""
    masks: dict[str, dict[str, list[str]]] = record["masks"]
    return Role(
        record["id"],
        record["levels"],
        {entity: frozenset(mask["hidden"]) for entity, mask in masks.items()},
        {entity: frozenset(mask["read_only"]) for entity, mask in masks.items()},
        frozenset(record["permissions"]),
    )


def may_give_all(actor: Actor) -> bool:
    """Whether there is nothing that somebody lacks."""
    return actor.scoped(EVERY) and (actor.access is None or actor.access.full)


def need_all_of(actor: Actor, role: Role) -> None:
    """Raise `Forbidden` where a role holds more than who gives it."""
    faults = list(_excess(actor, role))
    if faults:
        raise Forbidden(_MESSAGE, code="exceeds_grantor", faults=faults[:20])


def exceeds_grantor(pointer: str, message: str) -> Forbidden:
    """The error for what somebody would give and does not have."""
    return Forbidden(_MESSAGE, code="exceeds_grantor", faults=[_fault(pointer, message)])


def _excess(actor: Actor, role: Role) -> Iterable[Fault]:
    for right in sorted(role.permissions):
        if not _may_give(actor, right):
            yield _fault("/permissions", f"You do not hold {right}.")
    for area in role.levels:
        for action in ACTIONS:
            level = role.level(area, action)
            if level != "none" and not _reaches(actor, area, action, level):
                yield _fault(f"/levels/{area}/{action}", f"You do not reach {level} there.")
    access = actor.access
    if access is not None and not access.full:
        yield from _areas_beyond(access, role)
        yield from _unmasked(access, role)


def _unmasked(access: Access, role: Role) -> Iterable[Fault]:
    """Where it opens fields that are closed to who gives it."""
    for entity, masked in access.hidden.items():
        if masked - role.hidden.get(entity, frozenset()):
            yield _fault(f"/masks/{entity}/hidden", "It shows fields that are hidden from you.")
    for entity, masked in access.read_only.items():
        own = role.hidden.get(entity, frozenset[str]()) | role.read_only.get(entity, frozenset())
        if masked - own:
            yield _fault(f"/masks/{entity}/read_only", "It sets fields that you may not set.")


def _may_give(actor: Actor, right: str) -> bool:
    if right == EVERY:
        scopes = [EVERY]
    elif right in VERBS:
        scopes = [f"{EVERY}:{right}"]
    else:
        scopes = [f"{area}:write" for area in areas_of(right)] or [EVERY]
    held = actor.access is None or actor.access.holds(right)
    return held and all(actor.scoped(scope) for scope in scopes)


def _reaches(actor: Actor, area: str, action: Action, level: Level) -> bool:
    if not actor.scoped(f"{area}:{'read' if action == 'read' else 'write'}"):
        return False
    access = actor.access
    if access is None or access.full:
        return True
    return _index(_level(access, area, action)) >= _index(level)


def _areas_beyond(access: Access, role: Role) -> Iterable[Fault]:
    """Where `*` of the role reaches further than what its giver has in a single area."""
    if EVERY not in role.levels:
        return
    for area in access.levels.keys() - role.levels.keys():
        for action in ACTIONS:
            if _index(role.level(area, action)) > _index(_level(access, area, action)):
                yield _fault(f"/levels/*/{action}", f"You do not reach that far in {area}.")


def _level(access: Access, area: str, action: Action) -> Level:
    return access.levels.get(area, access.levels.get(EVERY, {})).get(action, "none")


def _index(level: Level) -> int:
    return LEVELS.index(level)


def _fault(pointer: str, message: str) -> Fault:
    return Fault("exceeds_grantor", message, pointer=pointer)
