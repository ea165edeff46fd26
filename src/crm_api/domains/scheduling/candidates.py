"""Who could fulfil the requirements of a booking, and in which order they are asked."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.domains.scheduling.repository import RESOURCES
from crm_api.domains.scheduling.schemas import MOST_RESOURCES
from crm_api.domains.scheduling.type_schemas import MOST_CANDIDATES
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.query.kinds import kinds_of

_FOUND = """
    SELECT id, name, kind, status, capacity, calendar_id, user_id, skills, deleted_at
    FROM resources
    WHERE organization_id = $1 AND deleted_at IS NULL AND status = 'active'
        AND (kind = ANY($2) OR id = ANY($3))
    ORDER BY id LIMIT $4
"""
_POOLS = """
    SELECT id, members FROM resource_pools
    WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
"""
# Cancelled and missed bookings count for nobody: they are given back.
_HAD = """
    SELECT month, (r ->> 'resource_id')::uuid AS id, sum(number)::bigint AS number,
        max(last) AS last
    FROM (
        SELECT width_bucket(starts_at, $3::timestamptz[]) AS month, resources,
            count(*) AS number, max(created_at) AS last
        FROM bookings
        WHERE organization_id = $1 AND booking_type_id = $2 AND deleted_at IS NULL
            AND starts_at >= $4 AND starts_at < $5
            AND status IN ('held', 'confirmed', 'checked_in', 'completed')
            AND (status <> 'held' OR hold_expires_at > $6)
        GROUP BY 1, 2) b, jsonb_array_elements(b.resources) r
    GROUP BY 1, 2
"""
_OWNERS = """
    SELECT owner_id FROM (
        SELECT 1 AS place, owner_id FROM contacts WHERE organization_id = $1 AND id = $2
        UNION ALL
        SELECT 2, owner_id FROM companies WHERE organization_id = $1 AND id = $3) o
    WHERE owner_id IS NOT NULL ORDER BY place
"""


class Turn(NamedTuple):
    """How many bookings of a type somebody has had, and since when none."""

    number: int
    last: datetime | None


NEVER = Turn(0, None)


@dataclass(frozen=True)
class Required:
    """What one requirement needs, and by which weights its candidates take turns."""

    quantity: int
    units: int
    kind: str | None
    ids: frozenset[UUID]
    weights: Mapping[UUID, int]
    skills: Mapping[str, int]

    def fits(self, row: Any) -> bool:
        """Whether a resource could be one of those."""
        if row["deleted_at"] is not None or row["status"] != "active":
            return False
        if row["kind"] != self.kind and row["id"] not in self.ids:
            return False
        if row["capacity"] < self.units:
            return False
        able = {one["skill"].casefold(): one["level"] for one in decode(row["skills"])}
        return all(able.get(skill, 0) >= level for skill, level in self.skills.items())


@dataclass(frozen=True)
class Candidates:
    """The resources that could be taken, and of which requirement each is one."""

    required: Sequence[Required]
    rows: Mapping[UUID, Any]
    of: Sequence[Sequence[UUID]]
    """Of each requirement, in the order of ids."""
    quantities: Sequence[int]

    def weight(self, id: UUID) -> int:
        """The share of a resource in turns; that of the first pool that says so."""
        return next((one.weights[id] for one in self.required if id in one.weights), 1)


@dataclass(frozen=True)
class Order:
    """By what candidates are ordered: the least loaded, or whose turn it is, the named first."""

    assignment: str
    candidates: Candidates
    had: Mapping[int, Mapping[UUID, Turn]] = field(default_factory=dict[int, Mapping[UUID, Turn]])
    first: Sequence[UUID] = ()

    def of(self, month: int, load: Mapping[UUID, int]) -> list[list[UUID]]:
        """The candidates of each requirement, the best first.

        Whoever is `first` comes before all; then by load, where that counts; then the smallest
        (number + 1) / weight, whoever had the last one longest ago, and the id.
        """
        had, weight = self.had.get(month, {}), self.candidates.weight
        ranked = {id: place for place, id in enumerate(self.first)}
        by_load = self.assignment == "least_loaded"

        def key(id: UUID) -> tuple[Any, ...]:
            turn = had.get(id, NEVER)
            since = 0.0 if turn.last is None else turn.last.timestamp()
            return (
                ranked.get(id, len(ranked)),
                load.get(id, 0) if by_load else 0,
                (turn.number + 1) / weight(id),
                since,
                id,
            )

        order = sorted(self.candidates.rows, key=key)
        places = {id: place for place, id in enumerate(order)}
        return [sorted(ids, key=places.__getitem__) for ids in self.candidates.of]


async def required_of(tx: Tx, requirements: Sequence[Mapping[str, Any]]) -> list[Required]:
    """Requirements as they are stored, with the members that their pools have now."""
    pools = [UUID(str(one["pool_id"])) for one in requirements if one["pool_id"] is not None]
    rows = await tx.fetch(_POOLS, tx.organization_id, pools) if pools else []
    members = {row["id"]: decode(row["members"]) for row in rows}
    found: list[Required] = []
    for one in requirements:
        weights = dict[UUID, int]()
        if one["pool_id"] is not None:
            own = members.get(UUID(str(one["pool_id"])), [])
            weights = {UUID(each["resource_id"]): each["weight"] for each in own}
        ids = weights.keys() | {UUID(str(id)) for id in one["resource_ids"] or ()}
        skills = {each["skill"].casefold(): each["level"] for each in one["skills"]}
        found.append(
            Required(one["quantity"], one["units"], one["kind"], frozenset(ids), weights, skills)
        )
    return found


async def found_for(tx: Tx, required: Sequence[Required], *, alone: bool) -> Candidates:
    """Who could fulfil these: active, able, large enough, and seen by who asks."""
    kinds = sorted({one.kind for one in required if one.kind is not None})
    ids = sorted({id for one in required for id in one.ids})
    rows = await tx.fetch(_FOUND, tx.organization_id, kinds, ids, MOST_CANDIDATES + 1)
    if len(rows) > MOST_CANDIDATES:
        message = f"More than {MOST_CANDIDATES} resources could be booked; name a pool of them."
        raise Conflict(message, code="too_many_candidates")
    seen = await seen_resources(tx, [row["id"] for row in rows])
    found = fitting(required, [row for row in rows if row["id"] in seen], alone=alone)
    if sum(found.quantities) > MOST_RESOURCES:
        message = f"A booking has {MOST_RESOURCES} resources at the most."
        raise Conflict(message, code="too_many_resources")
    return found


def fitting(required: Sequence[Required], rows: Iterable[Any], *, alone: bool) -> Candidates:
    """Of which requirements these resources are candidates.

    Unless `alone`, all candidates of a requirement are needed together.
    """
    rows = sorted(rows, key=lambda row: row["id"])
    of = [[row["id"] for row in rows if one.fits(row)] for one in required]
    any_of = {id for ids in of for id in ids}
    return Candidates(
        required,
        {row["id"]: row for row in rows if row["id"] in any_of},
        of,
        [
            one.quantity if alone else max(one.quantity, len(ids))
            for one, ids in zip(required, of, strict=True)
        ],
    )


async def seen_resources(tx: Tx, ids: Sequence[UUID]) -> Collection[UUID]:
    """Those of some resources that the actor sees."""
    access = tx.actor.access
    if access is None or access.full:
        return set(ids)
    return await kinds_of(tx, [RESOURCES], ids)


async def turns_of(
    tx: Tx, type_id: UUID, months: Sequence[datetime]
) -> dict[int, dict[UUID, Turn]]:
    """How many bookings of a type each has had by month; the last bound only ends.

    Months count from 0, as the bounds before it.
    """
    args = (months[:-1], months[0], months[-1], tx.now)
    rows = await tx.fetch(_HAD, tx.organization_id, type_id, *args)
    found: dict[int, dict[UUID, Turn]] = {}
    for row in rows:
        own = found.setdefault(row["month"] - 1, {})
        own[row["id"]] = Turn(row["number"], row["last"])
    return found


async def owners_first(
    tx: Tx, candidates: Candidates, contact_id: UUID | None, company_id: UUID | None
) -> list[UUID]:
    """The candidates who are the owner of the contact, and then of the company."""
    if contact_id is None and company_id is None:
        return []
    rows = await tx.fetch(_OWNERS, tx.organization_id, contact_id, company_id)
    of_user = {row["user_id"]: id for id, row in candidates.rows.items() if row["user_id"]}
    owners = dict.fromkeys(row["owner_id"] for row in rows)
    return [of_user[owner] for owner in owners if owner in of_user]
