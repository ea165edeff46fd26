"""Which records somebody sees: one condition, wherever records are selected (ADR-0024).

A record is seen by its owner's level, or because it is shared: `record_access` says with whom. All
comparisons are of uuids and times, which are leakproof, so their indexes are used behind row-level
security (ADR-0005).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Subquery,
    Uuid,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import aliased

from crm_api.kit.access import Action, Level
from crm_api.kit.actor import Actor
from crm_api.kit.db.tables import RecordAccess
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import About, Listing
from crm_api.kit.query.statements import prepared

ORGANIZATION: ColumnElement[Any] = bindparam("organization")
ME = bindparam("me", type_=Uuid())
_PRINCIPALS = bindparam("principals", type_=ARRAY(Uuid()))
FEW = 2_000
"""So many records are looked up by their ids; of more, the list is walked in its order."""


MANY = 8
"""Of so many kinds of records, those that some rows are about are looked up first."""


class Sight(NamedTuple):
    """How far somebody's sight of a collection reaches; tells its statements from others."""

    level: Level = "all"
    writes: bool = False
    """Whether only what is shared for writing counts."""
    few: bool = False
    """Whether it is so little that it is looked up by ids."""
    of: "tuple[tuple[str, Sight], ...] | None" = None
    """How far it reaches among the records that these are about, by their kinds."""


ALL = Sight()


def sight_of(actor: Actor, listing: Listing, action: Action = "read") -> Sight:
    """How far an action of somebody reaches in a collection."""
    level, about = actor.level(listing.area, action), listing.about
    decides = about is not None and about.decides and action == "read" and level != "none"
    if about is not None and (level == "all" or decides):
        return _sight_about(actor, about, action)
    return Sight(level, action != "read") if level != "all" else ALL


def _sight_about(actor: Actor, about: About, action: Action) -> Sight:
    # To add, change or take away what is about a record is to change that record.
    of_records: Action = "update" if about.rules and action != "read" else "read"
    found: list[tuple[str, Sight]] = []
    for of in _targets(about):
        # What is masked would show in what is said about the records.
        tells = about.tells or (about.copies and of.is_copied)
        masked = tells and actor.hidden(of.entity)
        found.append((of.entity, Sight("none") if masked else sight_of(actor, of, of_records)))
    if all(sight == ALL for _, sight in found):
        return ALL
    return Sight(writes=action != "read", of=tuple(found))


def living(listing: Listing, row: Any, *, binned: bool = False) -> list[ColumnElement[bool]]:
    """The conditions on every row of a collection: its organization, and not in the bin."""
    own = [row.organization_id == ORGANIZATION]
    if listing.part is not None:
        column, value = listing.part
        own.append(getattr(row, column.key) == value)
    return own if binned else [*own, row.deleted_at.is_(None)]


def bound(tx: Tx) -> dict[str, Any]:
    """The parameters of every statement about records: the organization, and who asks."""
    actor = tx.actor
    values: dict[str, Any] = {"organization": actor.organization_id, "me": actor.me}
    access = actor.access
    if access is not None and not access.full:
        values |= {
            "principals": access.principals,
            "owners_own": access.owners("own"),
            "owners_team": access.owners("team"),
            "owners_subtree": access.owners("subtree"),
        }
    return values


def seen(listing: Listing, row: Any, sight: Sight) -> ColumnElement[bool] | None:
    """The condition that a row is seen; None where every row is."""
    if _is_whole(listing, sight):
        return None
    if listing.open_to is not None and not sight.writes:
        own = listing.open_to(row, ME)
        return (
            own if sight.of is None else and_(own, _seen_about(listing, row, sight.of, mine=True))
        )
    if sight.of is not None:
        return _seen_about(listing, row, sight.of, mine=not sight.writes)
    if listing.within is not None:
        relation = listing.related[listing.within]
        above, local = relation.target(), getattr(row, relation.local.key)
        if sight.few:
            return local == func.any(_ids(above, sight))
        other = aliased(above.model)
        found = seen(above, other, sight)
        assert found is not None
        return exists(
            select(1)
            .select_from(other)
            .where(other.organization_id == ORGANIZATION, other.id == local, found)
        )
    if sight.few:
        return row.id == func.any(_ids(listing, sight))
    owned = false() if sight.level == "none" else row.owner_id == func.any(_owners(sight))
    # An EXISTS and not an IN: the planner may look each row up, or read all of them once.
    access = aliased(RecordAccess)
    shared = select(1).where(*_shared(access, sight), access.record_id == row.id)
    return or_(owned, exists(shared))


def _is_whole(listing: Listing, sight: Sight) -> bool:
    says_itself = listing.open_to is not None and not sight.writes
    return sight.level == "all" and sight.of is None and not says_itself


def _seen_about(
    listing: Listing, row: Any, sights: tuple[tuple[str, Sight], ...], *, mine: bool
) -> ColumnElement[bool]:
    """The condition that all records that a row is about are seen, or that the row is one's own."""
    about = listing.about
    assert about is not None
    reach = dict(sights)
    kind, known = getattr(row, about.kind), about.listings()
    ways: list[ColumnElement[bool]] = [
        row.owner_id == ME if about.rules and mine else false(),
        kind.is_(None) if about.optional else false(),
    ]
    for of in _targets(about):
        is_one = kind == literal_column(f"'{of.entity}'")
        if of not in known:
            is_one = and_(*(kind != literal_column(f"'{other.entity}'") for other in known))
        ends = [getattr(row, column) for column in about.columns]
        ways.append(and_(is_one, *(_seen_end(of, end, reach[of.entity]) for end in ends)))
    return or_(*ways)


def _targets(about: About) -> list[Listing]:
    """What a row may be about."""
    others = [] if about.others is None else [about.others()]
    return [*about.listings(), *others]


def _seen_end(listing: Listing, id: Any, sight: Sight) -> ColumnElement[bool]:
    if sight == Sight("none"):
        # Nor by a share: this kind is closed to whoever asks.
        return false()
    other = aliased(listing.model)
    visible = seen(listing, other, sight)
    is_end = other.id == (func.any(id) if isinstance(id.type, ARRAY) else id)
    found = [*living(listing, other, binned=True), is_end]
    return exists(
        select(1).select_from(other).where(*found, *(() if visible is None else (visible,)))
    )


def _owners(sight: Sight) -> ColumnElement[Any]:
    return bindparam(f"owners_{sight.level}", type_=ARRAY(Uuid()))


def _shared(access: Any, sight: Sight) -> list[ColumnElement[bool]]:
    shared = [
        access.organization_id == ORGANIZATION,
        access.principal_id == func.any(_PRINCIPALS),
        or_(access.expires_at.is_(None), access.expires_at > func.now()),
    ]
    return [*shared, access.writes.is_(true())] if sight.writes else shared


def _ids(listing: Listing, sight: Sight) -> ColumnElement[Any]:
    """All ids that are seen, as an array: it is made once, and its rows are looked up."""
    return func.array(_every_id(listing, sight).scalar_subquery(), type_=ARRAY(Uuid()))


def _every_id(listing: Listing, sight: Sight) -> Any:
    shared, owned = _ways(listing, sight)
    found = [query.with_only_columns(query.selected_columns.id) for query in (shared, *owned)]
    return union_all(*found) if owned else found[0]


def _ways(listing: Listing, sight: Sight) -> tuple[Select[Any], list[Select[Any]]]:
    """What is shared, and what is owned if that counts: ids, and when the records were made."""
    access, own = aliased(RecordAccess), aliased(listing.model)
    shared: Any = select(
        access.record_created_at.label("created_at"), access.record_id.label("id")
    ).where(*_shared(access, sight), access.entity == literal_column(f"'{listing.entity}'"))
    if sight.level == "none":
        return shared, []
    owned: Any = select(own.created_at, own.id).where(
        *living(listing, own, binned=True), own.owner_id == func.any(_owners(sight))
    )
    return shared, [owned]


def few_by_age(listing: Listing, sight: Sight) -> Subquery:
    """The ids of few records that are seen, each once, and when they were made.

    A page by age looks up as many of them as it has rows, instead of all; and what is sorted for
    it are times and ids instead of rows.
    """
    shared, owned = _ways(listing, sight)
    return (union(shared, *owned) if owned else shared.distinct()).subquery()


async def narrowed(tx: Tx, listing: Listing, sight: Sight) -> Sight:
    """The same sight as lists best use it: by ids where there are few.

    What an actor has few of is remembered as long as its rights are, which is not long.
    """
    access = tx.actor.access
    if sight.of is not None:
        return await among_kinds(tx, listing, sight)
    if access is None or sight.level == "all" or listing.open_to is not None:
        return sight
    key = listing.entity
    if key not in access.few:
        above = listing
        if listing.within is not None:
            above = listing.related[listing.within].target()
        statement = prepared(above, ("few", sight, FEW), lambda: _counted(above, sight))
        rows = await tx.fetch(statement.sql, *statement.args(bound(tx)))
        access.few[key] = rows[0][0] <= FEW
    return sight._replace(few=access.few[key])


async def among_kinds(
    tx: Tx, listing: Listing, sight: Sight, ids: Sequence[UUID] | None = None
) -> Sight:
    """The same sight of some rows, or of those of one's own, with the kinds alone that these are about.

    The condition on all kinds, some of which are in turn about all kinds, is hundreds of subqueries
    and takes PostgreSQL a second to plan; what somebody is told of is of a few.
    """
    about = listing.about
    if about is None or sight.of is None or len(sight.of) <= MANY:
        return sight
    if ids is None and listing.open_to is None:
        return sight
    statement = prepared(
        listing, ("kinds", ids is None), lambda: _kinds(listing, about, every=ids is None)
    )
    rows = await tx.fetch(statement.sql, *statement.args({**bound(tx), "ids": ids}))
    there = {row[0] for row in rows if row[0] is not None}
    if about.others is not None and not there <= {of.entity for of in about.listings()}:
        there.add(about.others().entity)
    closed = Sight("none")
    reached = ((kind, reach if kind in there else closed) for kind, reach in sight.of)
    return sight._replace(of=tuple(reached))


def _kinds(listing: Listing, about: About, *, every: bool) -> Select[Any]:
    model = listing.model
    found = select(getattr(model, about.kind)).distinct()
    found = found.where(*living(listing, model, binned=True))
    if every:
        assert listing.open_to is not None
        return found.where(listing.open_to(model, ME))
    return found.where(model.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))))


def _counted(listing: Listing, sight: Sight) -> Select[Any]:
    few = _every_id(listing, sight).limit(FEW + 1).subquery()
    return select(func.count()).select_from(few)


async def among(tx: Tx, listing: Listing, sight: Sight, ids: list[UUID]) -> frozenset[UUID]:
    """Those of some records, in the bin or not, that a sight reaches."""
    if not ids or _is_whole(listing, sight):
        return frozenset(ids)
    return await _those(tx, listing, await among_kinds(tx, listing, sight, ids), ids)


async def hidden_among(tx: Tx, listing: Listing, sight: Sight, ids: list[UUID]) -> frozenset[UUID]:
    """Those of some records that a sight does not reach.

    What is gone for good is hidden from whoever sees but a part of a collection. Where each record
    says itself who sees it, it no longer says so, and nothing is left to be hidden.
    """
    if listing.open_to is None or sight.writes:
        return frozenset(ids) - await among(tx, listing, sight, ids)
    return await _those(tx, listing, None, ids)


async def _those(tx: Tx, listing: Listing, sight: Sight | None, ids: list[UUID]) -> frozenset[UUID]:
    """Those that a sight reaches, or without one those that say that they are not seen."""

    def build() -> Select[Any]:
        model = listing.model
        if sight is None:
            assert listing.open_to is not None
            condition = listing.open_to(model, ME).is_not(true())
        else:
            condition = seen(listing, model, sight)
            assert condition is not None
        return select(model.id).where(
            *living(listing, model, binned=True),
            model.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))),
            condition,
        )

    statement = prepared(listing, ("those", sight), build)
    rows = await tx.fetch(statement.sql, *statement.args({**bound(tx), "ids": ids}))
    return frozenset(row[0] for row in rows)
