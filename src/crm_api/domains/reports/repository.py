"""How saved reports and their runs are stored and found."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import or_

from crm_api.domains.reports.models import Report, ReportRun
from crm_api.domains.reports.saved_schemas import ReportOut, ReportRunRecord
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode, encode
from crm_api.kit.query.listing import Listing, Relation

# Reports are no news for reports, nor is who has read what.
_WATERMARK = """
    SELECT e.tx, e.seq, e.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS is_settled
    FROM events e WHERE e.organization_id = $1 AND e.entity <> ALL('{report,report_run,read}')
    ORDER BY e.tx DESC, e.seq DESC LIMIT 1
"""
_CACHED = """
    SELECT id FROM report_runs WHERE organization_id = $1 AND asked_hash = $2 AND watermark = $3
        AND is_settled AND deleted_at IS NULL AND finished_at > now() - interval '1 hour'
        AND expires_at > now()
    ORDER BY finished_at DESC LIMIT 1
"""
_KEEP = """
    INSERT INTO report_run_rows (organization_id, run_id, place, row)
    SELECT $1, $2, r.place, r.row
    FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY AS r (row, place)
"""
_READ = """
    SELECT place, row FROM report_run_rows
    WHERE organization_id = $1 AND run_id = $2 AND place > $3 ORDER BY place LIMIT $4
"""
_FORGET = "DELETE FROM report_run_rows WHERE organization_id = $1 AND run_id = ANY($2) RETURNING 1"
_OVER = """
    DELETE FROM report_run_rows w USING (
        SELECT id FROM report_runs WHERE organization_id = $1 AND expires_at <= now()
            AND EXISTS (SELECT FROM report_run_rows o WHERE o.organization_id = $1
                AND o.run_id = report_runs.id)
        LIMIT 20) r
    WHERE w.organization_id = $1 AND w.run_id = r.id RETURNING 1
"""
_JOBS = "SELECT id, status, error FROM jobs WHERE organization_id = $1 AND id = ANY($2)"

_KEPT = """
    SELECT id, answer, sight_hash FROM report_runs WHERE organization_id = $1 AND id = ANY($2)
"""

REPORTS: Listing = Listing(
    model=Report,
    out=ReportOut,
    area="reports",
    sorts={"name": Report.sort_name},
    # Private reports are for their owners alone.
    open_to=lambda row, me: or_(row.sharing == "organization", row.owner_id == me),
)
RUNS: Listing = Listing(
    model=ReportRun,
    out=ReportRunRecord,
    area="reports",
    relations=(Relation("report", lambda: REPORTS, ReportRun.report_id, Report.id),),
    # A result holds what its maker saw.
    open_to=lambda row, me: row.owner_id == me,
)


class SavedReports(Repository[Report]):
    """The reports that are shared, and the actor's own."""

    model = Report
    listing = REPORTS


class ReportRuns(Repository[ReportRun]):
    """The runs of whoever asks, with their rows."""

    model = ReportRun
    listing = RUNS

    async def watermark(self) -> tuple[str, bool]:
        """The last event there is, and whether all before it are there."""
        rows = await self.tx.fetch(_WATERMARK, self.tx.organization_id)
        if not rows:
            return "0.0", True
        return f"{rows[0]['tx']}.{rows[0]['seq']}", rows[0]["is_settled"]

    async def cached(self, asked_hash: str) -> UUID | None:
        """A finished run of the same, since which nothing has happened."""
        mark, _ = await self.watermark()
        rows = await self.tx.fetch(_CACHED, self.tx.organization_id, asked_hash, mark)
        return rows[0]["id"] if rows else None

    async def keep(self, id: UUID, rows: Sequence[Any]) -> None:
        """Store the rows of a result."""
        await self.tx.write(_KEEP, self.tx.organization_id, id, encode(list(rows)))

    async def rows_after(self, id: UUID, place: int, limit: int) -> list[tuple[int, Any]]:
        """Rows of a result with their places."""
        found = await self.tx.fetch(_READ, self.tx.organization_id, id, place, limit)
        return [(row["place"], decode(row["row"])) for row in found]

    async def forget_rows(self, ids: Sequence[UUID]) -> int:
        """Remove the rows of some runs; how many there were."""
        return len(await self.tx.write(_FORGET, self.tx.organization_id, list(ids)))

    async def forget_expired(self) -> None:
        """Remove rows that are kept no longer."""
        await self.tx.write(_OVER, self.tx.organization_id)

    async def kept(self, ids: Sequence[UUID]) -> dict[UUID, tuple[Any, str]]:
        """What is kept of some runs that are seen: the result but for its rows, and for whom."""
        rows = await self.tx.fetch(_KEPT, self.tx.organization_id, list(ids))
        return {row["id"]: (row["answer"], row["sight_hash"]) for row in rows}

    async def all(self) -> list[ReportRun]:
        """Every one, whoever's it is, in the bin too, locked."""
        query = self.select_all().order_by(ReportRun.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def jobs(self, ids: Iterable[UUID]) -> dict[UUID, Any]:
        """How some jobs stand, and what went wrong."""
        rows = await self.tx.fetch(_JOBS, self.tx.organization_id, list(ids))
        return {row["id"]: row for row in rows}
