"""What a collection has to do with people: declared by each, so that none is forgotten.

Access to one's data, erasure and the gate of outreach walk these declarations (ADR-0029).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.files.store import Files


@dataclass(frozen=True)
class Person:
    """The records are people; erased, what is left is a row that says nothing of anybody."""

    points: Mapping[str, str]
    """Where they are reached: the list of contact points by its kind, `email`, `phone`, `post`."""
    keeps: frozenset[str] = frozenset()
    """The columns of their own that stay, because they tell nobody from others."""
    replaced: frozenset[str] = frozenset()
    """Columns of words that some rule wants to be there: other words take their place."""
    common: frozenset[str] = frozenset()
    """Columns whose values many share, so that copies are not told by them."""
    same: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    """Columns with the id of another record that is the same person, and the kind of that one."""
    others: frozenset[str] = frozenset()
    """Columns with the id of people who need not be the same."""


@dataclass(frozen=True)
class Content:
    """Where the files are that records stand for."""

    shelf: str
    file: str
    """The field with the id under which a record's file is kept."""
    name: str
    """The field with what it is called."""


@dataclass(frozen=True)
class About:
    """The records are about people: one of these columns holds a person's id."""

    columns: tuple[str, ...]
    end: Literal["removed", "kept"]
    """What becomes of them when the person is erased."""
    reason: str
    """Why they may go, or by what right they stay."""
    entity: str | None = None
    """The column with the kind of record that the id is of, where that may be any."""
    content: Content | None = None
    """Its files, which whoever asks for their data gets with it."""


@dataclass(frozen=True)
class Impersonal:
    """The records are not about people who could ask for them."""

    reason: str


Personal = Person | About | Impersonal


@dataclass(frozen=True)
class Gone:
    """A person who is being erased, or asks for their data, as they were, for whoever keeps copies."""

    entity: str
    ids: tuple[UUID, ...]
    """The record, and those that were merged into it."""
    keys: frozenset[tuple[str, str]]
    """What they were looked up by: pairs of a kind and a normalised value."""
    names: frozenset[str]
    """What they were called."""
    texts: frozenset[str]
    """Whatever else was ever written of them; empty where they only ask."""
    files: Files | None = None
    """Where files are; None while all is only rehearsed."""
    hashes: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """The keyed hashes of `keys`."""

    def values(self, kind: str) -> list[str]:
        """The look-up values of a kind, such as `email`."""
        return sorted(value for of, value in self.keys if of == kind)

    @property
    def marks(self) -> list[str]:
        """What tells them wherever it stands: names, what they were looked up by, and their ids."""
        return sorted({*self.names, *(value for _, value in self.keys), *map(str, self.ids)})


Told = Mapping[str, Sequence[Any]]
"""Rows, by the name of what they are of."""
Collect = Callable[[Tx, Gone], Awaitable[Told]]


@dataclass(frozen=True)
class Copies:
    """Nothing is handed out but the records themselves, of which these are copies, or counts."""

    reason: str


@dataclass(frozen=True)
class Trace:
    """What a part of the product keeps of people beside its collections."""

    name: str
    """Such as `kept_answers`."""
    tables: tuple[str, ...]
    erase: Callable[[Tx, Gone], Awaitable[int]]
    """Wipes it out within the transaction; returns how much there was."""
    collect: Collect | Copies
    """What of it whoever asks for their data gets."""


_INNER = frozenset({"organization_id", "lease_token", "lease_until", "actor", "job_id"})


def rows_of(**tables: str) -> Collect:
    """Hands out the rows of tables for which a condition holds, without what is inner to them.

    A condition may use `$1`, the organization, `$2`, the ids of the person, and `$3`, the
    addresses and numbers by which they were known.
    """

    async def collect(tx: Tx, gone: Gone) -> Told:
        args = (tx.organization_id, list(gone.ids), [*gone.values("email"), *gone.values("phone")])
        found: dict[str, list[dict[str, Any]]] = {}
        for table, condition in tables.items():
            sql = (
                f"SELECT to_jsonb(t) AS row FROM {table} t WHERE organization_id = $1 "  # noqa: S608
                f"AND $2::uuid[] IS NOT NULL AND $3::text[] IS NOT NULL AND ({condition})"
            )
            rows = [decode(row["row"]) for row in await tx.fetch(sql, *args)]
            found[table] = [{k: v for k, v in row.items() if _is_told(k)} for row in rows]
        return found

    return collect


def _is_told(column: str) -> bool:
    return not (column in _INNER or column.startswith("sealed_") or column.endswith("_hash"))
