"""How many records are probably there twice, as a standard report."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.visibility import sight_of
from crm_api.kit.reporting import Computed, ComputedReport, Line, Records, ReportField, of_ids
from crm_api.platform.duplicates.models import Duplicate
from crm_api.platform.duplicates.repository import LISTING
from crm_api.platform.duplicates.service import DuplicateService

_MOST = 10_000


async def _suspected(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """By kind of record, the open pairs both of whose records are seen."""
    del given
    DuplicateService(tx).need("read")
    pairs = await _open(tx)
    if len(pairs) > _MOST:
        message = f"There are more than {_MOST:,} open pairs: decide on some of them."
        raise Invalid(message, code="too_many_records")
    lines: list[Line] = []
    for target in sorted({pair[0] for pair in pairs}):
        own = [pair for pair in pairs if pair[0] == target]
        concerned: list[UUID] = sorted({id for pair in own for id in pair[1:]})
        values = {"target": target, "pairs": len(own), "records": len(concerned)}
        lines.append(Line(values, Records(of_ids(concerned), target)))
    return Computed(lines)


async def _open(tx: Tx) -> list[tuple[str, UUID, UUID]]:
    asked = PageQuery(Selection(()), sight=sight_of(tx.actor, LISTING))
    columns: Any = select(Duplicate.target, Duplicate.first_id, Duplicate.second_id)
    query = matching(LISTING, columns, asked).where(Duplicate.status == "open")
    query = query.order_by(Duplicate.id).limit(_MOST + 1)
    rows: Any = await tx.run(query.params(**values_of(tx, asked, None)))
    return [(row[0], row[1], row[2]) for row in rows]


STANDARD_REPORTS = (
    ComputedReport(
        name="suspected_duplicates",
        title="Records that are probably there twice",
        text="By kind of record, the pairs that were found and not decided on yet, both of whose "
        "records whoever asks sees, and how many records these are.",
        formula="records = distinct records of the open pairs",
        source="contact",
        also_of=("duplicate",),
        areas=("duplicates",),
        columns=(
            ReportField("target", "grouping", "text", "The kind of record."),
            ReportField("pairs", "measure", "integer", "Open pairs."),
            ReportField("records", "measure", "integer", "The records of these."),
        ),
        chart="records",
        compute=_suspected,
    ),
)
