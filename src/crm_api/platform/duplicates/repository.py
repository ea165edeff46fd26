"""How duplicates, and records that may be some, are found."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, or_, update

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.base import Entity, Json
from crm_api.kit.db.json import decode, encode
from crm_api.kit.errors import NotFound
from crm_api.kit.query.documents import scope_of
from crm_api.kit.query.listing import About, Listing
from crm_api.kit.values.words import NAMED, OTHER, SPELLED
from crm_api.platform.duplicates.events import ScanDuplicates
from crm_api.platform.duplicates.matcher import Matcher, Record, Words
from crm_api.platform.duplicates.model.records import Profile
from crm_api.platform.duplicates.models import Duplicate, DuplicatePolicy
from crm_api.platform.duplicates.schemas import DuplicateOut, PolicyRecordOut

MOST_BY_KEYS = 200
MOST_BY_WORDS = 150
"""Records that one look considers; more would share what tells nothing."""
MEMORY = "duplicates"

# The limit keeps each key a look-up of its own, whatever the planner knows of the table.
_LIKE = """
    SELECT {columns} FROM {table} WHERE organization_id = $1 AND deleted_at IS NULL AND id = ANY(
        ARRAY((SELECT r.record_id FROM unnest($3::text[], $4::text[]) AS k(kind, value)
               CROSS JOIN LATERAL (
                   SELECT record_id FROM record_keys WHERE organization_id = $1 AND entity = $2
                   AND kind = k.kind COLLATE "C" AND value = k.value COLLATE "C"
                   LIMIT {keyed}) r)
              UNION SELECT record_id FROM crm_worded($2, $5::text[]::tsquery[], {worded})))
        AND id <> ALL($6)
"""
_ONE = """
    SELECT {columns} FROM {table} WHERE organization_id = $1 AND deleted_at IS NULL AND id = $2
"""
_PAGE = """
    SELECT {columns} FROM {table}
    WHERE organization_id = $1 AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT $3
"""
_CHANGED = """
    SELECT {columns}, updated_at FROM {table}
    WHERE organization_id = $1 AND deleted_at IS NULL AND (updated_at, id) > ($2, $3)
    ORDER BY updated_at, id LIMIT $4
"""
# Whatever was merged into one of the records speaks for it, and the other of a pair may have been
# merged as well.
_DISMISSED = """
    WITH RECURSIVE mine AS (
        SELECT id AS root, id FROM unnest($3::uuid[]) AS given(id)
        UNION ALL
        SELECT m.root, r.record_id FROM mine m JOIN record_redirects r
        ON r.organization_id = $1 AND r.target_id = m.id),
    others AS (
        SELECT m.root, d.second_id AS id FROM mine m JOIN duplicates d ON d.organization_id = $1
        AND d.target = $2 AND d.first_id = m.id AND d.status = 'not_duplicate'
        UNION SELECT m.root, d.first_id FROM mine m JOIN duplicates d ON d.organization_id = $1
        AND d.target = $2 AND d.second_id = m.id AND d.status = 'not_duplicate'
        UNION SELECT o.root, r.target_id FROM others o JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = o.id)
    SELECT root, id FROM others
"""
_KNOWLEDGE = """
    SELECT fields, frequencies, rate, records, learnt_at, scanned_to, job_id, position
    FROM duplicate_knowledge WHERE organization_id = $1 AND target = $2
"""
_LEARN = """
    INSERT INTO duplicate_knowledge (organization_id, target, fields, frequencies, rate, records,
        learnt_at, job_id, position)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
    ON CONFLICT (organization_id, target) DO UPDATE SET fields = $3, frequencies = $4, rate = $5,
        records = $6, learnt_at = $7, job_id = $8, position = 0
"""

COMPARED: dict[str, Listing] = {}
"""The records that have a matcher, by kind; filled in when the module is made."""


def _shown() -> ColumnElement[bool]:
    """An open pair is one while both of its records are there."""
    return or_(
        Duplicate.status != "open",
        *(
            and_(
                Duplicate.target == entity,
                _lives(listing.model, "first_id"),
                _lives(listing.model, "second_id"),
            )
            for entity, listing in COMPARED.items()
        ),
    )


def _lives(model: type[Entity], column: str) -> ColumnElement[bool]:
    return exists().where(
        model.organization_id == Duplicate.organization_id,
        model.id == getattr(Duplicate, column),
        model.deleted_at.is_(None),
    )


LISTING: Listing = Listing(
    model=Duplicate,
    out=DuplicateOut,
    area="duplicates",
    default_sort="-weight",
    condition=_shown,
    about=About("target", ("first_id", "second_id"), lambda: tuple(COMPARED.values())),
)
POLICIES: Listing = Listing(model=DuplicatePolicy, out=PolicyRecordOut, area="duplicates")


class Policies(Repository[DuplicatePolicy]):
    """The policies of an organization."""

    model = DuplicatePolicy
    listing = POLICIES

    async def of(self, target: str) -> DuplicatePolicy | None:
        """The policy for a kind of record, locked."""
        query = self.select_all().where(DuplicatePolicy.target == target)
        return (await self.tx.run(query.with_for_update(key_share=True))).scalar_one_or_none()

    async def all(self) -> list[Any]:
        """Every policy, as rows."""
        return await self.tx.fetch(
            'SELECT target, action, certain, probable, possible, "unique", weights, '
            "custom_fields, scan_every_hours, version FROM duplicate_policies "
            "WHERE organization_id = $1",
            self.tx.organization_id,
        )


class Duplicates(Repository[Duplicate]):
    """The duplicates of an organization."""

    model = Duplicate
    listing = LISTING

    async def get_of(self, id: UUID, target: str | None, *, lock: bool = True) -> Duplicate:
        """A pair, of a kind of record if that is said; raises `NotFound`."""
        found = await self.get(id, lock=lock)
        if target not in {None, found.target}:
            raise NotFound(f"There is no duplicate with the id {id} among these.")
        return found

    async def lock(self, target: str, what: str = "pairs") -> None:
        """Let one at a time write pairs of a kind, or guarded records, until its commit."""
        # In a transaction, but not as a write: there is nothing to undo.
        await self.tx.session()
        await self.tx.fetch(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            f"duplicates:{self.tx.organization_id}:{target}:{what}",
        )

    async def like(
        self,
        matcher: Matcher,
        record: Record,
        profile: Profile,
        *,
        but: Sequence[UUID] = (),
        keys: Sequence[tuple[str, str]] = (),
    ) -> list[dict[str, Any]]:
        """Records that are worth a comparison with one: by look-up keys, and more, and by words."""
        unique = self.tx.catalogue.of(matcher.entity).keys(record["custom"])
        keys = list(dict.fromkeys([*matcher.keys(record), *unique, *keys]))
        scope = scope_of(self.tx.organization_id, matcher.entity)
        rows = await self.tx.fetch(
            self._sql(_LIKE, matcher, keyed=MOST_BY_KEYS, worded=MOST_BY_WORDS),
            self.tx.organization_id,
            matcher.entity,
            [kind for kind, _ in keys],
            [value for _, value in keys],
            [_query(scope, words) for words in matcher.searches(profile)],
            list(but),
        )
        return _records(matcher, rows)

    async def one(self, matcher: Matcher, id: UUID) -> Record | None:
        """A record as it is compared, or None."""
        rows = await self.tx.fetch(self._sql(_ONE, matcher), self.tx.organization_id, id)
        return _records(matcher, rows)[0] if rows else None

    async def known(
        self, target: str, pairs: Sequence[tuple[UUID, UUID]]
    ) -> dict[tuple[UUID, UUID], UUID]:
        """The ids of those pairs that are suggested already."""
        rows = await self.tx.fetch(
            "SELECT d.first_id, d.second_id, d.id FROM unnest($3::uuid[], $4::uuid[]) AS p(a, b) "
            "JOIN duplicates d ON d.organization_id = $1 AND d.target = $2 AND d.first_id = p.a "
            "AND d.second_id = p.b AND d.deleted_at IS NULL",
            self.tx.organization_id,
            target,
            [first for first, _ in pairs],
            [second for _, second in pairs],
        )
        return {(row["first_id"], row["second_id"]): row["id"] for row in rows}

    async def some_of(self, matcher: Matcher, after: UUID, limit: int) -> list[dict[str, Any]]:
        """The records after an id, in the order of ids."""
        sql = self._sql(_PAGE, matcher)
        rows = await self.tx.fetch(sql, self.tx.organization_id, after, limit)
        return _records(matcher, rows)

    async def changed(
        self, matcher: Matcher, since: datetime, after: UUID, limit: int
    ) -> list[dict[str, Any]]:
        """The records that were changed since a moment, in the order of their changes."""
        sql = self._sql(_CHANGED, matcher)
        rows = await self.tx.fetch(sql, self.tx.organization_id, since, after, limit)
        found = _records(matcher, rows)
        for record, row in zip(found, rows, strict=True):
            record["updated_at"] = row["updated_at"]
        return found

    async def count(self, matcher: Matcher, since: datetime | None, most: int) -> int:
        """How many records there are, or were changed since; not counted beyond `most`."""
        table = matcher.service.repository.model.__tablename__
        changed = "" if since is None else "AND updated_at > $3"
        rows = await self.tx.fetch(
            f"SELECT count(*) FROM (SELECT FROM {table} WHERE organization_id = $1 "  # noqa: S608
            f"AND deleted_at IS NULL {changed} LIMIT $2) found",
            self.tx.organization_id,
            most,
            *(() if since is None else (since,)),
        )
        return rows[0][0]

    async def dismissed(self, target: str, ids: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
        """The pairs of these records, or of what was merged into them, that are known to be two."""
        rows = await self.tx.fetch(_DISMISSED, self.tx.organization_id, target, list(ids))
        return {(row["root"], row["id"]) for row in rows}

    async def stored(
        self, target: str, pairs: Sequence[tuple[UUID, UUID]]
    ) -> dict[tuple[UUID, UUID], Duplicate]:
        """Those of some pairs that are known, also those in the bin, locked."""
        firsts = {first for first, _ in pairs}
        query = self.select_all().where(
            Duplicate.target == target,
            Duplicate.first_id.in_(firsts),
            Duplicate.second_id.in_({second for _, second in pairs}),
        )
        found = {(d.first_id, d.second_id): d for d in await self._locked(query)}
        return {pair: found[pair] for pair in pairs if pair in found}

    async def seen(self, ids: Sequence[UUID]) -> None:
        """Remember that these pairs were found again."""
        if ids:
            own = (Duplicate.organization_id == self.tx.organization_id, Duplicate.id.in_(ids))
            await self.tx.run(update(Duplicate).where(*own).values(seen_at=self.tx.now))

    async def among(self, target: str, ids: Sequence[UUID]) -> list[Duplicate]:
        """The known pairs both of whose records are among these, locked."""
        query = self.select_all().where(
            Duplicate.target == target,
            Duplicate.first_id.in_(ids),
            Duplicate.second_id.in_(ids),
            Duplicate.deleted_at.is_(None),
        )
        return await self._locked(query)

    async def open_of(self, target: str, record_id: UUID) -> list[Duplicate]:
        """The open pairs of a record, locked."""
        query = self.select_all().where(
            Duplicate.target == target,
            or_(Duplicate.first_id == record_id, Duplicate.second_id == record_id),
            Duplicate.status == "open",
            Duplicate.deleted_at.is_(None),
        )
        return await self._locked(query)

    async def not_seen_since(self, target: str, moment: datetime, limit: int) -> list[Duplicate]:
        """Open pairs that were not found again since a moment, locked."""
        query = self.select_all().where(
            Duplicate.target == target,
            Duplicate.status == "open",
            Duplicate.seen_at < moment,
            Duplicate.deleted_at.is_(None),
        )
        return await self._locked(query.limit(limit))

    async def _locked(self, query: Select[Any]) -> list[Duplicate]:
        """Pairs in the order of their ids, as they are now that nobody else can change them."""
        query = query.order_by(Duplicate.id).with_for_update(key_share=True)
        query = query.execution_options(populate_existing=True)
        return list((await self.tx.run(query)).scalars())

    # What was learnt

    async def knowledge(self, target: str) -> dict[str, Any] | None:
        """What the records of a kind have taught, or None."""
        rows = await self.tx.fetch(_KNOWLEDGE, self.tx.organization_id, target)
        if not rows:
            return None
        row = dict(rows[0])
        return {**row, **{name: decode(row[name]) for name in ("fields", "frequencies")}}

    async def store_knowledge(
        self,
        target: str,
        *,
        fields: Mapping[str, Any],
        frequencies: Mapping[str, Any],
        rate: float,
        records: int,
        job_id: UUID,
    ) -> None:
        """Remember what a scan has learnt before it goes on."""
        await self.tx.write(
            _LEARN,
            self.tx.organization_id,
            target,
            encode(fields).decode(),
            encode(frequencies).decode(),
            rate,
            records,
            self.tx.now,
            job_id,
        )

    async def store_position(self, target: str, job_id: UUID, position: int) -> None:
        """Remember how many rules a scan is through with."""
        await self.tx.write(
            "UPDATE duplicate_knowledge SET position = $4 "
            "WHERE organization_id = $1 AND target = $2 AND job_id = $3",
            self.tx.organization_id,
            target,
            job_id,
            position,
        )

    async def store_end(self, target: str, moment: datetime) -> None:
        """Remember that what was changed before a moment has been looked at."""
        await self.tx.write(
            "UPDATE duplicate_knowledge SET scanned_to = $3, job_id = NULL, position = 0 "
            "WHERE organization_id = $1 AND target = $2",
            self.tx.organization_id,
            target,
            moment,
        )

    async def store_frequencies(self, target: str, frequencies: Mapping[str, Any]) -> None:
        """Remember no more than this of how common values are."""
        sql = "UPDATE duplicate_knowledge SET frequencies = $3 WHERE organization_id = $1 AND target = $2"
        await self.tx.write(sql, self.tx.organization_id, target, encode(frequencies).decode())

    async def running(self, target: str) -> UUID | None:
        """The scan of a kind of record that somebody has asked for and that is not through."""
        rows = await self.tx.fetch(
            "SELECT id FROM jobs WHERE organization_id = $1 AND kind = $2 AND dedupe_key = $3 "
            "AND status IN ('queued', 'running')",
            self.tx.organization_id,
            ScanDuplicates.kind,
            target,
        )
        return rows[0]["id"] if rows else None

    async def is_due(self, target: str) -> bool:
        """Whether a scan waits that the policy asks for."""
        rows = await self.tx.fetch(
            "SELECT FROM jobs WHERE organization_id = $1 AND kind = $2 AND status = 'queued' "
            "AND args ->> 'target' = $3 AND (args ->> 'repeated')::boolean LIMIT 1",
            self.tx.organization_id,
            ScanDuplicates.kind,
            target,
        )
        return bool(rows)

    @staticmethod
    def _sql(sql: str, matcher: Matcher, **numbers: int) -> str:
        names = ("id", *matcher.reads, "custom")
        table = matcher.service.repository.model.__tablename__
        return sql.format(columns=", ".join(names), table=table, **numbers)


def _query(scope: str, words: Words) -> str:
    """A tsquery for records that have all these words; names alone are looked up by beginnings."""
    parts: list[str] = []
    for word in words:
        kinds = NAMED if word.endswith(":") else NAMED + SPELLED + OTHER
        mark = ":*" if word.endswith(":") else ""
        ways = " | ".join(f"'{scope}{kind}{word.rstrip(':')}'{mark}" for kind in kinds)
        parts.append(f"({ways})")
    return " & ".join(parts)


def _records(matcher: Matcher, rows: Sequence[Any]) -> list[dict[str, Any]]:
    names = ("id", *matcher.reads, "custom")
    model = matcher.service.repository.model
    texts = {name for name in names if isinstance(getattr(model, name).type, Json)}
    return [
        {name: decode(row[name]) if name in texts else row[name] for name in names} for row in rows
    ]
