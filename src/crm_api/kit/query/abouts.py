"""`about` of the filter language: which record is meant, and what lies around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.query.listing import Linked
from crm_api.kit.query.visibility import Sight, sight_of


@dataclass(frozen=True)
class Asked:
    """A record, and whether what belongs to it counts as well."""

    said: str
    entity: str
    id: UUID
    rollup: bool

    @property
    def key(self) -> str:
        """As look-up keys name it."""
        return f"{self.entity}:{self.id}"


def asked_about(value: Any, *, lax: bool) -> Asked:
    """Read `company:ID`, or `{"record": …, "rollup": true}`; raises `ValueError`."""
    asked: dict[str, Any] = dict(value) if isinstance(value, Mapping) else {"record": value}
    record, rollup = asked.pop("record", None), asked.pop("rollup", False)
    if lax and isinstance(rollup, str):
        rollup = {"true": True, "false": False}.get(rollup)
    if asked or not isinstance(record, str) or not isinstance(rollup, bool):
        raise ValueError("Say a record as kind:ID, and rollup or not.")
    entity, _, text = record.partition(":")
    try:
        return Asked(record, entity, UUID(text), rollup)
    except ValueError:
        raise ValueError("Write kind:ID, with the id of a record.") from None


def around(linked: Linked, asked: Asked, actor: Actor) -> tuple[tuple[int, Sight], ...]:
    """The places of the collections that belong to it, and how far the actor sees in each.

    Whoever may not read what belongs to it does not find what is about that.
    """
    return tuple(
        (place, sight_of(actor, collection))
        for place, (collection, _) in enumerate(linked.around().get(asked.entity, ()))
        if asked.rollup and actor.holds(f"{collection.area}:read")
    )
