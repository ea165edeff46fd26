"""Results as PDF: a chart and a table each, in the organization's language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from crm_api.domains.reports.charts import drawn, specification
from crm_api.domains.reports.results import Row, said_total
from crm_api.domains.reports.units import written
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.documents.directions import isolated
from crm_api.kit.documents.engine import Template, render
from crm_api.kit.documents.languages import Language, is_leftward, language
from crm_api.kit.documents.pictures import Picture
from crm_api.kit.documents.typefaces import drawable
from crm_api.kit.errors import Invalid

Paper = Literal["a4", "us-letter"]
PACKAGE = "crm_api.domains.reports"
MOST_ROWS = 500
"""So many rows of a result are printed; files have all."""
_REPORT = Template(PACKAGE, "report")
_LETTER = frozenset({"USD", "CAD", "MXN", "CLP", "COP", "CRC", "GTQ", "PAB", "PHP", "VES"})
"""Of whose countries the paper is Letter (CLDR, measurementData/paperSize)."""
_ORGANIZATION = "SELECT name, language, currency, time_zone FROM organizations WHERE id = $1"
_ROOM = 24
"""So many columns are side by side: twelve of numbers, or eight of what is longer."""
_STRETCHED = 6
"""Of so many columns texts take what is left of the width; of more that may be nothing."""
_NUMBERS = frozenset({"integer", "number", "amount", "ratio", "decimal"})


@dataclass(frozen=True, slots=True)
class Part:
    """A result with its title, or what stands in its place."""

    title: str | None
    kind: str | None = None
    columns: Sequence[Mapping[str, Any]] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    totals: Sequence[Mapping[str, Any]] = ()
    text: str | None = None
    value: str | None = None
    error: str | None = None
    measure: str | None = None
    """What its chart draws; the first one without it."""
    view: str | None = None
    """A chart or a table; both without it."""


async def report_pdf(
    tx: Tx,
    title: str,
    answer: Mapping[str, Any],
    rows: Sequence[Any],
    paper: Paper | None,
    measure: str | None = None,
) -> bytes:
    """The PDF of one result; `measure` is the one that its chart draws."""
    own = answer["kind"], answer["columns"], rows, answer["totals"]
    part = Part(None, *own, measure=measure)
    return await _pdf(tx, title, answer["as_of"], [part], paper)


async def dashboard_pdf(
    tx: Tx,
    title: str,
    told: Mapping[str, Any],
    titles: Mapping[str, str | None],
    paper: Paper | None,
) -> bytes:
    """The PDF of the data of a dashboard."""
    parts: list[Part] = []
    for tile in told["tiles"]:
        of = tile["metric"] or tile["standard"]
        kind = tile["report_kind"] or ("time_series" if _is_series(tile) else "summary")
        parts.append(
            Part(
                titles.get(tile["key"]) or (of and of["title"]),
                kind,
                tile["columns"],
                tile["rows"],
                tile["totals"],
                tile["text"],
                None if tile["value"] is None else str(tile["value"]),
                tile["error"]["detail"] if tile["error"] else None,
                tile["measure"],
                tile["view"],
            )
        )
    return await _pdf(tx, title, told["as_of"], parts, paper)


def _is_series(tile: Mapping[str, Any]) -> bool:
    return any(column.get("bucket") for column in tile["columns"])


async def _pdf(tx: Tx, title: str, as_of: Any, parts: Sequence[Part], paper: Paper | None) -> bytes:
    (own,) = await tx.fetch(_ORGANIZATION, tx.organization_id)
    words = language(PACKAGE, own["language"])
    moment = datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    local = moment.astimezone(ZoneInfo(own["time_zone"]))
    pictures: dict[str, Picture] = {}
    shown: list[Row] = []
    for place, part in enumerate(parts):
        chart = await _chart(part)
        if chart is not None:
            pictures[str(place)] = Picture("png", chart)
        shown.append(_part(part, words, place if chart else None))
    when = format_datetime(local, "long", locale=words.locale)
    known = paper or ("us-letter" if own["currency"] in _LETTER else "a4")
    leftward = is_leftward(words.tag)
    texts: Row = {
        "title": title,
        "description": None,
        "organization": own["name"],
        "as_of": words.label("as_of", moment=when, zone=own["time_zone"]),
        "parts": shown,
    }
    data: Row = {
        **isolated(drawable(texts), within_leftward=leftward),
        "paper": known,
        "language": own["language"].partition("-")[0].lower(),
        "region": None,
        "is_leftward": leftward,
    }
    made = await render(_REPORT, data, dated=local.astimezone(UTC).date(), pictures=pictures)
    return made.content


async def _chart(part: Part) -> bytes | None:
    """The chart of a result; None of what has none."""
    if part.kind in {None, "table"} or part.view == "table" or not part.rows:
        return None
    try:
        spec = specification(part.kind or "", part.columns, part.rows, part.measure)
        return await drawn(spec, "png")
    except Invalid:
        return None


def _part(part: Part, words: Language, picture: int | None) -> Row:
    is_drawn = picture is not None and part.view == "chart"
    seen = [column for column in part.columns if not (is_drawn or column.get("label"))]
    note: str | None = None
    if part.error:
        note = words.label("failed", reason=part.error)
    elif len(part.rows) > MOST_ROWS and not is_drawn:
        note = words.label("more", count=str(MOST_ROWS))
    elif part.columns and not part.rows:
        note = words.label("none")
    rows = [row["values"] for row in part.rows[:MOST_ROWS]]
    totals = [said_total(one, part.columns, words.label("total")) for one in part.totals]
    return {
        "title": part.title,
        "text": part.text,
        "value": None if part.value is None else _cell(part.value, "number", words),
        "picture": picture,
        "alt": part.title or "",
        "tables": [_table(own, rows, totals, words) for own in _beside(part.columns, seen)],
        "note": note,
    }


def _beside(
    columns: Sequence[Mapping[str, Any]], seen: Sequence[Mapping[str, Any]]
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The columns of each table: of more than fit side by side, some at a time by the groups."""
    labels = {column.get("label") for column in columns}
    heads = [c for c in seen if c["role"] == "grouping" or c["name"] in labels] or [*seen[:1]]
    own = [*heads]
    for column in seen:
        if column in heads:
            continue
        if len(own) > len(heads) and sum(map(_room, [*own, column])) > _ROOM:
            yield own
            own = [*heads]
        own.append(column)
    if own:
        yield own


def _room(column: Mapping[str, Any]) -> int:
    return 2 if column["kind"] in _NUMBERS else 3


def _table(
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    totals: Sequence[Mapping[str, Any]],
    words: Language,
) -> Row:
    heads = [
        {
            "name": _heading(column),
            "right": column["kind"] in _NUMBERS,
            "wide": column["kind"] == "text" and len(columns) <= _STRETCHED,
        }
        for column in columns
    ]
    return {
        "columns": heads,
        "rows": [_cells(row, columns, words) for row in rows],
        "totals": [_cells(one, columns, words) for one in totals],
    }


def _heading(column: Mapping[str, Any]) -> str:
    extra = column.get("currency") or written(column.get("unit"))
    name = str(column["name"]).replace("_", " ")
    return f"{name} ({extra})" if extra else name


def _cells(
    values: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], words: Language
) -> list[str]:
    # A total has no values of what it is not by; a group that has none is one.
    return [
        _cell(values[c["name"]], c["kind"], words) if c["name"] in values else "" for c in columns
    ]


def _cell(value: Any, kind: str, words: Language) -> str:
    """A value as people of the language write it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return words.label("yes" if value else "no")
    if kind in _NUMBERS and not _is_word(value):
        number = Decimal(str(value))
        if kind == "ratio":
            return words.percent(round(number * 100, 1))
        if kind == "amount":
            return words.coins(number)
        return words.quantity(round(number, 2) if kind != "integer" else number)
    if kind == "day":
        return words.day(date.fromisoformat(str(value)[:10])) if _is_day(value) else str(value)
    return str(value) if not isinstance(value, dict | list) else encode(value).decode()


def _is_word(value: Any) -> bool:
    try:
        Decimal(str(value))
    except ArithmeticError:
        return True
    return False


def _is_day(value: Any) -> bool:
    try:
        date.fromisoformat(str(value)[:10])
    except ValueError:
        return False
    return True
