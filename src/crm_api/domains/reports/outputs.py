"""Results as files, charts and documents over REST, of runs and of standard reports alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Response

from crm_api.domains.reports.charts import ChartFormat, Drawn, drawn, specification
from crm_api.domains.reports.files import TYPES, FileFormat, written
from crm_api.domains.reports.printing import Paper, report_pdf
from crm_api.kit.db.tx import Tx
from crm_api.kit.rest import answers

Responses = dict[int | str, dict[str, Any]]
_PICTURES: Mapping[Drawn, str] = {"svg": "image/svg+xml", "png": "image/png"}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
FILE: Responses = {
    200: {
        "description": "The file.",
        "content": {kind.partition(";")[0]: _BYTES for kind in TYPES.values()},
    }
}
CHART: Responses = {
    200: {
        "description": "The specification, or the picture.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            **dict.fromkeys(_PICTURES.values(), _BYTES),
        },
    }
}
PDF: Responses = {200: {"description": "The document.", "content": {"application/pdf": _BYTES}}}


async def filed(
    answer: Mapping[str, Any], rows: Sequence[Any], format: FileFormat, name: str = "report"
) -> Response:
    """A result as a file."""
    made = await written(format, answer["columns"], rows, answer["totals"])
    return Response(made, 200, _named(f"{name}.{format}"), TYPES[format])


async def charted(
    answer: Mapping[str, Any],
    rows: Sequence[Any],
    format: ChartFormat,
    measure: str | None = None,
) -> Response:
    """A result as a chart."""
    spec = specification(answer["kind"], answer["columns"], rows, measure)
    if format == "vega-lite":
        return answers.plain(spec)
    return Response(await drawn(spec, format), 200, answers.UNKEPT, _PICTURES[format])


async def printed(
    tx: Tx,
    title: str,
    answer: Mapping[str, Any],
    rows: Sequence[Any],
    paper: Paper | None,
    measure: str | None = None,
    name: str = "report",
) -> Response:
    """A result as a PDF."""
    made = await report_pdf(tx, title, answer, rows, paper, measure)
    return Response(made, 200, _named(f"{name}.pdf"), "application/pdf")


def _named(name: str) -> dict[str, str]:
    return {**answers.UNKEPT, "Content-Disposition": f'attachment; filename="{name}"'}
