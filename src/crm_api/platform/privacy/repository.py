"""How requests of people, holds and the hashes of the erased are stored and found."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing
from crm_api.platform.privacy.models import LegalHold, RetentionPolicy, SubjectRequest
from crm_api.platform.privacy.schemas import LegalHoldOut, RetentionPolicyOut, SubjectRequestOut

REQUESTS: Listing = Listing(model=SubjectRequest, out=SubjectRequestOut, area="privacy")
HOLDS: Listing = Listing(model=LegalHold, out=LegalHoldOut, area="legal_holds")
POLICIES: Listing = Listing(
    model=RetentionPolicy,
    out=RetentionPolicyOut,
    area="retention",
    sorts={"name": RetentionPolicy.sort_name},
)
_HELD = """
    SELECT DISTINCT record_id FROM legal_holds
    WHERE organization_id = $1 AND record_id = ANY($2) AND deleted_at IS NULL
    AND (ends_on IS NULL OR ends_on > $3)
"""
_BAR = """
    INSERT INTO erased_keys (organization_id, entity, hash, record_id, erased_at)
    SELECT $1, $2, hash, $4, $5 FROM unnest($3::text[]) AS hash
    ON CONFLICT (organization_id, entity, hash) DO NOTHING
"""
_KNOWN_BY = """
    SELECT DISTINCT record_id FROM erased_keys
    WHERE organization_id = $1 AND entity = ANY($2) AND hash = ANY($3)
"""
_READMIT = """
    DELETE FROM erased_keys WHERE organization_id = $1 AND record_id = ANY($2)
    AND NOT hash = ANY($3)
"""


class SubjectRequests(Repository[SubjectRequest]):
    """What people have asked for."""

    model = SubjectRequest
    listing = REQUESTS

    async def of_person(self, ids: Sequence[UUID]) -> list[SubjectRequest]:
        """The requests of a person, in the bin too, locked."""
        query = self.select().where(SubjectRequest.record_id.in_(ids)).order_by(SubjectRequest.id)
        return list((await self.tx.run(query.with_for_update(key_share=True))).scalars())

    async def archive(self, id: UUID, now: datetime) -> str | None:
        """The file of an archive that can still be had."""
        rows = await self.tx.fetch(
            "SELECT stored_as FROM subject_requests WHERE organization_id = $1 AND id = $2 "
            "AND expires_at > $3",
            self.tx.organization_id,
            id,
            now,
        )
        return rows[0]["stored_as"] if rows else None


class LegalHolds(Repository[LegalHold]):
    """What must not be destroyed."""

    model = LegalHold
    listing = HOLDS

    async def keeping(self, ids: Sequence[UUID], today: date) -> set[UUID]:
        """Those of some records that must not be destroyed."""
        rows = await self.tx.fetch(_HELD, self.tx.organization_id, list(ids), today)
        return {row["record_id"] for row in rows}

    async def targets(self, target: str, today: date) -> list[UUID]:
        """The records of a kind that must not be destroyed."""
        rows = await self.tx.fetch(
            "SELECT DISTINCT record_id FROM legal_holds WHERE organization_id = $1 "
            "AND target = $2 AND deleted_at IS NULL AND (ends_on IS NULL OR ends_on > $3)",
            self.tx.organization_id,
            target,
            today,
        )
        return [row["record_id"] for row in rows]


class RetentionPolicies(Repository[RetentionPolicy]):
    """How long records are kept."""

    model = RetentionPolicy
    listing = POLICIES

    async def is_due(self, id: UUID, but: UUID) -> bool:
        """Whether another job than this one is going to carry a policy out."""
        rows = await self.tx.fetch(
            "SELECT FROM jobs WHERE organization_id = $1 AND kind = 'privacy.retain' "
            "AND status IN ('queued', 'running') AND args ->> 'policy_id' = $2 "
            "AND (args ->> 'repeated')::boolean AND id <> $3 LIMIT 1",
            self.tx.organization_id,
            str(id),
            but,
        )
        return bool(rows)


class ErasedKeys:
    """By what those were known who were erased, as keyed hashes."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx

    async def bar(self, entity: str, record_id: UUID, hashes: Iterable[str]) -> None:
        """Keep somebody out."""
        args = (self._tx.organization_id, entity, sorted(hashes), record_id, self._tx.now)
        await self._tx.write(_BAR, *args)

    async def among(self, kinds: Sequence[str], hashes: Iterable[str]) -> set[tuple[str, str]]:
        """Those of some hashes that keep somebody out, with the kind that they were of."""
        rows = await self._tx.fetch(
            "SELECT entity, hash FROM erased_keys "
            "WHERE organization_id = $1 AND entity = ANY($2) AND hash = ANY($3)",
            self._tx.organization_id,
            kinds,
            sorted(hashes),
        )
        return {(row["entity"], row["hash"]) for row in rows}

    async def of(self, record_id: UUID) -> set[str]:
        """The hashes of one who was erased."""
        rows = await self._tx.fetch(
            "SELECT hash FROM erased_keys WHERE organization_id = $1 AND record_id = $2",
            self._tx.organization_id,
            record_id,
        )
        return {row["hash"] for row in rows}

    async def known_by(self, kinds: Sequence[str], hashes: Iterable[str]) -> list[UUID]:
        """Who was erased and known by one of these."""
        args = (self._tx.organization_id, list(kinds), sorted(hashes))
        return sorted(row["record_id"] for row in await self._tx.fetch(_KNOWN_BY, *args))

    async def readmit(self, ids: Sequence[UUID], but: Iterable[str]) -> None:
        """Let those in again, all of their hashes `but` these forgotten."""
        await self._tx.write(_READMIT, self._tx.organization_id, list(ids), sorted(but))

    async def forget(self, ids: Iterable[UUID]) -> None:
        """Keep somebody out no longer who was not erased after all."""
        await self._tx.write(
            "DELETE FROM erased_keys WHERE organization_id = $1 AND record_id = ANY($2)",
            self._tx.organization_id,
            list(ids),
        )
