"""Pictures of results: as a specification of Vega-Lite, and drawn by it."""

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any, Literal

from crm_api.domains.reports.operands import unfit
from crm_api.domains.reports.units import written
from crm_api.kit.documents.directions import isolated
from crm_api.kit.documents.drawings import png_of
from crm_api.kit.documents.texts import changed
from crm_api.kit.documents.typefaces import folders

ChartFormat = Literal["vega-lite", "svg", "png"]
Drawn = Literal["svg", "png"]
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_VERSION = "5.20"
_MOST = 2_000
"""So many marks are drawn; more tell nobody anything."""
_WIDTH = 640
_LONGEST_TITLE = 60
_FONT = "Inter"
_SHORT = "replace(datum.label, regexp('^(.{29}).{2,}$', 'su'), '$1…')"
"""A label of its first characters: a limit in pixels would cut between halves of one, which fails."""
_LETTER, _GAP = 7, 12
"""So wide are letters of labels, and what is left between these."""
_NUMBERS = frozenset({"integer", "number", "amount", "ratio"})
_FORMATS: Mapping[str, str] = {"ratio": ".0%", "integer": ",d"}
_drawing = asyncio.Semaphore(1)
# What XML cannot hold: the library ends the process where it measures such a text.
_UNWRITABLE = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def specification(
    kind: str,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    measure: str | None = None,
) -> dict[str, Any]:
    """A chart of a result; raises `Invalid` where it has no groups, or too many.

    The first grouping lies on the x axis, the second one has a colour each, and the first measure
    is drawn, or the one that is named: as lines over time, a matrix as a heat map, a waterfall as
    bars that float, a comparison as bars side by side, else as bars. Data is within it;
    nothing is loaded from elsewhere.
    """
    groups = [column for column in columns if column["role"] == "grouping"]
    numbers = [c for c in columns if c["role"] == "measure" and c["kind"] in _NUMBERS]
    if not groups or not numbers:
        raise unfit("/format", "no_chart", "A chart is of groups and a measure.")
    if len(rows) > _MOST:
        raise unfit("/format", "too_many_rows", f"A chart has {_MOST:,} rows at most.")
    value = next((c for c in numbers if c["name"] == measure), numbers[0])
    data = _placed(groups, value, rows)
    if kind == "waterfall":
        _float(data, [row["values"] for row in rows])
    y: dict[str, Any] = {"field": "value", "type": "quantitative", "title": _titled(value)}
    y["axis"] = {"format": _FORMATS.get(value["kind"], ",.2~f")}
    if value["kind"] == "integer":
        # Marks between small counts would be told as the same number.
        y["axis"]["labelExpr"] = "datum.value % 1 ? '' : datum.label"
    marks = _marks(kind, groups, y)
    x = marks["encoding"]["x"]
    if x["type"] == "ordinal" and _fits({str(one[x["field"]]) for one in data}):
        x["axis"] = {"labelAngle": 0}
    _shorten(marks["encoding"])
    return {
        "$schema": _SCHEMA,
        "width": _WIDTH,
        "height": 360,
        "background": "white",
        "config": {
            "font": _FONT,
            "axis": {"labelLimit": 0},
            "legend": {"labelLimit": 0, "titleLimit": 0},
        },
        "data": {"values": data},
        **marks,
    }


def _called(group: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What the group of each row is called; of those that are called alike each has a mark."""
    name = group["name"]
    label = group.get("label") or name
    told = [(row["values"].get(name), row["values"].get(label)) for row in rows]
    times = Counter(text for _, text in set(told))
    return [
        f"{text} ({str(id)[-4:]})" if times[text] > 1 else "–" if text is None else text
        for id, text in told
    ]


def _placed(
    groups: Sequence[Mapping[str, Any]], value: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The groups of rows by their places and not by their names: dots of these mean something."""
    called = [_called(group, rows) for group in groups]
    return [
        {
            **{f"g{n}": of_rows[place] for n, of_rows in enumerate(called)},
            "value": _number(row["values"].get(value["name"])),
        }
        for place, row in enumerate(rows)
    ]


def _fits(labels: Collection[str]) -> bool:
    """Whether labels stand beside each other, each in its part of the width."""
    longest = max(map(len, labels), default=0)
    return len(labels) * (longest * _LETTER + _GAP) <= _WIDTH


def _marks(kind: str, groups: Sequence[Mapping[str, Any]], y: dict[str, Any]) -> dict[str, Any]:
    axes = [_axis(group, f"g{n}") for n, group in enumerate(groups)]
    x = axes[0]
    # Each day has a place of its own: along a time, bars would be lines.
    plain = [{"field": axis["field"], "title": axis["title"], "type": "ordinal"} for axis in axes]
    if kind in {"matrix", "cohort"} and len(groups) > 1:
        colour = {"field": "value", "type": "quantitative", "title": y["title"]}
        return {"mark": "rect", "encoding": {"x": plain[1], "y": plain[0], "color": colour}}
    encoding: dict[str, Any] = {"x": x, "y": y}
    if len(groups) > 1:
        encoding["color"] = axes[1]
    if kind == "waterfall":
        return _floating(plain[0], y)
    if kind == "funnel":
        bars = {"y": {**x, "sort": None}, "x": y}
        return {"mark": "bar", "encoding": bars}
    if kind == "time_series":
        return {"mark": {"type": "line", "point": True}, "encoding": encoding}
    if kind == "comparison" and len(groups) > 1:
        # What is no part of a whole stands side by side.
        encoding["xOffset"] = {**plain[1], "sort": None}
    return {"mark": "bar", "encoding": {**encoding, "x": {**plain[0], "sort": None}}}


def _shorten(encoding: dict[str, Any]) -> None:
    for channel, told in (("x", "axis"), ("y", "axis"), ("color", "legend")):
        one = encoding.get(channel, {})
        if one.get("type") in {"nominal", "ordinal"} and one.get(told, {}) is not None:
            encoding[channel] = {**one, told: {**one.get(told, {}), "labelExpr": _SHORT}}


def _float(data: list[dict[str, Any]], rows: Sequence[Mapping[str, Any]]) -> None:
    """Where the bars of a waterfall begin and end: changes where the one before ended, levels at
    zero. Rows that say where they begin are changes all of them; others have a level at each end.
    """
    level = 0.0
    for place, (one, row) in enumerate(zip(data, rows, strict=True)):
        begins = _number(row.get("begins"))
        is_level = begins is None and place in {0, len(data) - 1}
        value = one["value"] or 0.0
        one["begins"] = 0.0 if is_level else level if begins is None else begins
        level = one["ends"] = one["begins"] + value
        one["way"] = "level" if is_level else "more" if value >= 0 else "less"


def _floating(x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, Any]:
    ways = {"domain": ["level", "more", "less"], "range": ["#4c78a8", "#54a24b", "#e45756"]}
    encoding = {
        "x": {**x, "sort": None},
        "y": {**y, "field": "begins"},
        "y2": {"field": "ends"},
        "color": {"field": "way", "type": "nominal", "scale": ways, "legend": None},
    }
    return {"mark": "bar", "encoding": encoding}


def _axis(group: Mapping[str, Any], name: str) -> dict[str, Any]:
    is_day = group["kind"] == "day"
    found: dict[str, Any] = {"field": name, "title": _titled(group)}
    # Days are local ones already: they are drawn as they are written.
    return (
        {**found, "type": "temporal", "timeUnit": "utcyearmonthdate"}
        if is_day
        else {
            **found,
            "type": "nominal",
        }
    )


def _titled(column: Mapping[str, Any]) -> str:
    name = str(column.get("label") or column["name"])
    if len(name) > _LONGEST_TITLE:
        name = f"{name[: _LONGEST_TITLE - 1]}…"
    extra = column.get("currency") or written(column.get("unit"))
    return f"{name} ({extra})" if extra else name


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


@cache
def _engine() -> ModuleType:
    import vl_convert

    for folder in folders():
        vl_convert.register_font_directory(str(folder))
    return vl_convert


async def drawn(spec: Mapping[str, Any], format: Drawn) -> bytes:
    """The picture of a chart; one is drawn at a time, for each takes a processor."""
    async with _drawing:
        return await asyncio.to_thread(_draw, isolated(changed(spec, _writable)), format)


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)


def _draw(spec: dict[str, Any], format: Drawn) -> bytes:
    made = _engine().vegalite_to_svg(spec, vl_version=_VERSION, allowed_base_urls=[])
    return made.encode() if format == "svg" else png_of(made, scale=2)
