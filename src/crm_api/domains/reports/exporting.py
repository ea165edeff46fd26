"""The rows of a table as a file: an export, which is written as it is read, however long it is."""

from typing import Any

from crm_api.domains.reports.operands import pointed, unfit
from crm_api.domains.reports.parameters import filled
from crm_api.domains.reports.running import Reports, columns_of_table
from crm_api.domains.reports.saved_schemas import ReportExportInput
from crm_api.domains.reports.schemas import ReportQuery
from crm_api.domains.reports.service import ReportService
from crm_api.kit.db.tx import Tx
from crm_api.platform.exports.schemas import ExportInput
from crm_api.platform.exports.service import ExportService


async def begin_export(tx: Tx, asked: ReportExportInput) -> dict[str, Any]:
    """Have the records of a table written to a file, without a limit.

    Takes the scope `export` of the source. Raises `Invalid` for a report with groups: theirs are
    few, and the file of a run.
    """
    query = await _query(tx, asked)
    if query.kind != "table":
        message = "Of a table; what has groups has the file of its run."
        raise unfit("/definition/kind", "needs_table", message)
    if query.limit is not None:
        raise unfit("/definition/limit", "unfit_kind", "A file has all rows.")
    with pointed("/definition", ""):
        plan = await Reports(tx).plan(query)
        columns_of_table(tx, query, plan.listing)
    wanted = {
        "filter": query.filter,
        "sort": query.sort,
        "fields": query.columns,
        **asked.model_dump(include={"format", "delimiter", "bom"}),
    }
    return await ExportService(tx).begin(query.source, ExportInput.model_validate(wanted))


async def _query(tx: Tx, asked: ReportExportInput) -> ReportQuery:
    if (asked.definition is None) == (asked.report_id is None):
        raise unfit("/report_id", "required", "Say a definition, or the report that has one.")
    if asked.definition is not None:
        if asked.parameters:
            raise unfit("/parameters", "unfit_field", "They are of a saved report.")
        return asked.definition
    assert asked.report_id is not None
    report = await ReportService(tx).records.get(asked.report_id)
    return filled(report.definition, report.parameters, asked.parameters)
