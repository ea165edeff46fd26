"""When services could be rendered by those who can, for proposals: each by itself, once.

What a service takes stands in its specification in the catalogue. Resources are of its kinds and
have its attributes, and its skills are those of each person; free are they by the rules of slots.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.recipes.availability import Known, Opening, Window
from crm_api.domains.scheduling.candidates import Order, Required, found_for, seen_resources
from crm_api.domains.scheduling.grid import Grid, grid_of, places, run
from crm_api.domains.scheduling.openings import Lasting, openings
from crm_api.domains.scheduling.schemas import MOST_RESOURCES
from crm_api.domains.scheduling.type_schemas import MOST_CANDIDATES
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.working_time import MINUTE, instant_of

MOST_SERVICES = 50
"""So many different specifications are looked at in one go."""
_STEP = 30
_SECRET = frozenset(
    {"duration_minutes", "buffer_before_minutes", "buffer_after_minutes", "skills", "resources"}
)
_ASKED = frozenset({"kind", "attributes", "skills"})
_SPECIFICATIONS = """
    SELECT product_id, duration_minutes, buffer_before_minutes, buffer_after_minutes, skills,
        resources
    FROM service_specifications
    WHERE organization_id = $1 AND product_id = ANY($2) AND deleted_at IS NULL
    ORDER BY product_id
"""
_KEPT = """
    SELECT id, kind, attributes FROM resources
    WHERE organization_id = $1 AND deleted_at IS NULL AND status = 'active' AND kind = ANY($2)
    ORDER BY id LIMIT $3
"""
_ANYTIME = Opening("It takes nobody and nothing that is booked.")
_UNCHECKED = "Whether there is time for it was not checked"
_NO_START = Opening(f"{_UNCHECKED}: no service begins within the window, only by the half hour.")
_TOO_MANY = Opening(f"{_UNCHECKED}: too many people or resources come into question.")


async def when_rendered(
    tx: Tx, products: Sequence[UUID], window: Window, known: Known
) -> dict[UUID, Opening] | None:
    """When services could begin first; None where that is not for whoever asks, or off."""
    actor = tx.actor
    is_closed = actor.hidden("service_specification") & _SECRET or actor.hidden("resource") & _ASKED
    if is_closed or not actor.covers("resources:read"):
        return None
    rows = await tx.fetch(_SPECIFICATIONS, tx.organization_id, list(products))
    found: dict[UUID, Opening] = {}
    grid = grid_of(ZoneInfo(actor.time_zone), _STEP, *window)
    for row in rows:
        same = tuple(str(row[name]) for name in sorted(_SECRET))
        if same not in known:
            is_one_more = len(known) < MOST_SERVICES
            known[same] = await _opening(tx, row, grid) if is_one_more else _TOO_MANY
        found[row["product_id"]] = known[same]
    return found


async def _opening(tx: Tx, row: Mapping[str, Any], grid: Grid) -> Opening:
    skills = {one["skill"].casefold(): one["level"] for one in decode(row["skills"])}
    needs: list[Mapping[str, Any]] = decode(row["resources"])
    if skills and not any(one["kind"] == "person" for one in needs):
        needs = [*needs, {"kind": "person", "quantity": 1, "attributes": {}}]
    if not needs:
        return _ANYTIME
    if not grid.starts:
        return _NO_START
    if sum(one["quantity"] for one in needs) > MOST_RESOURCES:
        return _TOO_MANY
    rows = await _kept(tx, {one["kind"] for one in needs})
    if rows is None:
        return _TOO_MANY
    unknown = sorted({one["kind"] for one in needs} - {row["kind"] for row in rows})
    if unknown:
        # Who keeps nothing of a kind does not book it, so it is no reason to sell less.
        return Opening(f"{_UNCHECKED}: no resource of the kind {unknown[0]} is known.")
    required = [
        Required(
            one["quantity"],
            1,
            None,
            frozenset(row["id"] for row in rows if _fits(row, one)),
            {},
            skills if one["kind"] == "person" else {},
        )
        for one in needs
    ]
    minutes = (row[f"{name}_minutes"] for name in ("duration", "buffer_before", "buffer_after"))
    return await _first(tx, required, grid, Lasting(*(one * MINUTE for one in minutes)))


async def _kept(tx: Tx, kinds: Collection[str]) -> list[Any] | None:
    """The resources of some kinds that whoever asks sees; None of too many."""
    rows = await tx.fetch(_KEPT, tx.organization_id, sorted(kinds), MOST_CANDIDATES + 1)
    if len(rows) > MOST_CANDIDATES:
        return None
    seen = await seen_resources(tx, [row["id"] for row in rows])
    return [row for row in rows if row["id"] in seen]


async def _first(tx: Tx, required: Sequence[Required], grid: Grid, lasting: Lasting) -> Opening:
    """The first start at which enough of all that is required is free."""
    try:
        candidates = await found_for(tx, required, alone=True)
    except Conflict:
        return _TOO_MANY
    pairs = zip(candidates.of, candidates.quantities, strict=True)
    if any(len(ids) < quantity for ids, quantity in pairs):
        return Opening("There are not enough people or resources who could do it.", never=True)
    found = await openings(tx, candidates, grid.starts, lasting, grid.days)
    possible = found.together
    for hours, enough in zip(found.hours, found.enough, strict=True):
        possible &= hours & enough
    order = Order("round_robin", candidates).of(0, {})
    before, chosen = -1, None
    for place in places(possible):
        # As long as the same are free the answer is the same.
        if before < 0 or found.changed & run(before + 1, place + 1):
            chosen = found.chosen(place, order, ())
        before = place
        if chosen is not None:
            return _at(instant_of(grid.starts[place]), tx)
    return _never(grid)


def _at(start: datetime, tx: Tx) -> Opening:
    local = start.astimezone(ZoneInfo(tx.actor.time_zone))
    shown = local.strftime("%Y-%m-%d %H:%M")
    return Opening(f"Its people and resources are free from {shown} ({tx.actor.time_zone}).", start)


def _never(grid: Grid) -> Opening:
    last = grid.days[-1].day
    return Opening(f"Its people and resources are not free together by {last}.", never=True)


def _fits(row: Mapping[str, Any], need: Mapping[str, Any]) -> bool:
    own: Mapping[str, str] = decode(row["attributes"])
    wanted: Mapping[str, Any] = need["attributes"]
    has_all = all(name in own and _suits(own[name], value) for name, value in wanted.items())
    return row["kind"] == need["kind"] and has_all


def _suits(given: str, wanted: Any) -> bool:
    """Of numbers at least so much, of everything else the same."""
    if isinstance(wanted, bool):
        return given.casefold() == str(wanted).casefold()
    if isinstance(wanted, int | float | Decimal):
        try:
            return Decimal(given) >= Decimal(str(wanted))
        except InvalidOperation:
            return False
    return given.casefold() == str(wanted).casefold()
