"""Which events are points of contact with a client: what each part declares of its own records.

`domains/customers` follows the feed and keeps the timelines that are made of them.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx

Department = Literal["sales", "advertising", "delivery", "service", "information", "finance"]
Direction = Literal["in", "out", "internal"]
PartyKind = Literal["company", "contact", "deal", "case"]


@dataclass(frozen=True, slots=True)
class Party:
    """A column of the record that says with whom or about what there was contact."""

    column: str
    """Such as `contact_id`; `id` where the record itself is the party."""
    kind: PartyKind


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, with its record as it is now."""

    id: UUID
    """The event's."""
    topic: str
    at: datetime
    record_id: UUID
    row: Mapping[str, Any]
    """All columns of the record."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the event says: at creation all that is not null, else what changed."""
    previous: Mapping[str, Any] = field(default_factory=dict[str, Any])


Parties = Callable[
    [Tx, Sequence[Happened]], Awaitable[Mapping[UUID, Sequence[tuple[PartyKind, UUID]]]]
]
"""Finds the parties of many events by the events' ids, in a constant number of statements."""


@dataclass(frozen=True)
class Touchpoint:
    """Events of a topic that are points of contact."""

    topic: str
    """Such as `activity.logged`; the first word is the kind of record."""
    department: Department | Callable[[Mapping[str, Any]], Department]
    """Whose contact it was; or what tells it by the record's columns."""
    parties: Sequence[Party] | Parties
    direction: Direction | Callable[[Mapping[str, Any]], Direction | None] | None = None
    """`in` from the client, `out` to the client; or what tells it by the record's columns."""
    at: str | None = None
    """The column with the time of it, where that is not the time of the event."""
    kind: str | Callable[[Mapping[str, Any]], str | None] | None = None
    """What it is called in filters beside its topic, such as `call`."""
    when: Callable[[Happened], bool] | None = None
    """Which events of the topic count; all without it."""

    @property
    def entity(self) -> str:
        """The kind of record."""
        return self.topic.partition(".")[0]


_KINDS: frozenset[str] = frozenset(get_args(PartyKind))


async def of_target(
    tx: Tx, found: Sequence[Happened]
) -> Mapping[UUID, Sequence[tuple[PartyKind, UUID]]]:
    """The parties of what is about a record that it names by `target` and `record_id`."""
    del tx
    return {
        one.id: [(one.row["target"], one.row["record_id"])]
        for one in found
        if one.row["target"] in _KINDS
    }


def with_links(parties: Sequence[Party], column: str = "links") -> Parties:
    """The parties that columns of the record name, and those that its links name, whatever their
    roles: each link has `target` and `record_id`.
    """

    async def find(
        tx: Tx, found: Sequence[Happened]
    ) -> Mapping[UUID, Sequence[tuple[PartyKind, UUID]]]:
        del tx
        return {one.id: list(dict.fromkeys(_named(one.row, parties, column))) for one in found}

    return find


def _named(
    row: Mapping[str, Any], parties: Sequence[Party], column: str
) -> Iterator[tuple[PartyKind, UUID]]:
    for party in parties:
        if row[party.column] is not None:
            yield party.kind, row[party.column]
    links: Sequence[Mapping[str, Any]] = parsed(row[column]) or ()
    for link in links:
        if link["target"] in _KINDS:
            yield link["target"], UUID(link["record_id"])


def through(column: str, table: str, parties: Sequence[Party]) -> Parties:
    """The parties of what belongs to a record of another table, which names them."""
    columns = ", ".join(party.column for party in parties)
    sql = f"SELECT id, {columns} FROM {table} WHERE organization_id = $1 AND id = ANY($2)"  # noqa: S608

    async def find(
        tx: Tx, found: Sequence[Happened]
    ) -> Mapping[UUID, Sequence[tuple[PartyKind, UUID]]]:
        ids = list({one.row[column] for one in found if one.row[column] is not None})
        rows = await tx.fetch(sql, tx.organization_id, ids)
        above: dict[UUID, list[tuple[PartyKind, UUID]]] = {
            row["id"]: [(p.kind, row[p.column]) for p in parties if row[p.column] is not None]
            for row in rows
        }
        return {one.id: above.get(one.row[column], []) for one in found}

    return find
