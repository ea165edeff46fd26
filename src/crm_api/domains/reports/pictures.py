"""Charts as answers of REST: the specification, or the picture that it is."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from crm_api.domains.reports.charts import ChartFormat, Drawn, drawn
from crm_api.kit.rest import answers

_PICTURES: Mapping[Drawn, str] = {"svg": "image/svg+xml", "png": "image/png"}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
CHART: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The specification, or the picture.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            **dict.fromkeys(_PICTURES.values(), _BYTES),
        },
    }
}


async def picture(spec: Mapping[str, Any], format: ChartFormat) -> Response:
    """A chart in a format."""
    if format == "vega-lite":
        return answers.plain(dict(spec))
    return Response(await drawn(spec, format), 200, answers.UNKEPT, _PICTURES[format])
