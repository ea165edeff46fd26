"""How rows of a file become lines of records, such as orders: each row gives its record one.

The rows of a record have its external id, and say at which place their line stands. So a file
that is imported again changes lines, and doubles none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import ValidationError

from crm_api.domains.catalogue.codes import sku_key
from crm_api.domains.catalogue.importer import sold_by
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.faults import faults_of
from crm_api.kit.schema import Schema
from crm_api.platform.transfer.importer import Draft, Importer, Plan
from crm_api.platform.transfer.reading.aliases import hint

_OF = ("product_id", "variant_id")
_GIVEN_BY = {"product_id": "sku", "variant_id": "sku"}
"""The columns that fill fields of lines which are not called so."""
_INTERVALS: Mapping[str, str] = {
    **dict.fromkeys(("monthly", "monatlich", "ежемесячно"), "month"),
    **dict.fromkeys(("quarterly", "vierteljährlich"), "quarter"),
    **dict.fromkeys(("half-yearly", "halbjährlich"), "half_year"),
    **dict.fromkeys(("yearly", "annual", "annually", "jährlich"), "year"),
}
LINE_FIELDS = {
    "line.place": hint(
        "Line", "Line Number | Line No. | Line | Position | Pos. | Zeile", "integer"
    ),
    "line.sku": hint("SKU", "SKU | Product SKU | Product Code | Artikelnummer | Артикул"),
    "line.name": hint(
        "Line's name",
        "Line Name | Line Description | Product Name | Item Name | Positionsbezeichnung",
    ),
    "line.quantity": hint("Quantity", "Quantity | Qty | Menge | Anzahl | Количество", "money"),
    "line.unit_price": hint(
        "Unit price", "Unit Price | Price | Sales Price | Einzelpreis | Preis | Цена", "money"
    ),
    "line.interval": hint("Interval", "Interval | Billing Period | Billing Frequency | Intervall"),
    "line.term": hint("Times", "Term | Number of Payments | Laufzeit", "integer"),
}


class LineImporter(Importer):
    """Rows of records with a line each; rows of the same external id are of the same record."""

    line_shape: ClassVar[type[Schema]]

    def first(self, draft: Draft) -> list[dict[str, Any]]:
        """The line of a new record; raises `Invalid`."""
        if draft.related["line"] is None:
            return []
        return lines_with(self.line_shape, (), draft) or []

    def given(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """What was given of a stored line."""
        return {name: line[name] for name in self.line_shape.model_fields}

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """What a row changes: of lines, the one at its place."""
        found = super().patch(current, draft)
        found.pop("lines", None)
        if draft.related["line"] is not None:
            given = [self.given(line) for line in current.lines]
            lines = lines_with(self.line_shape, given, draft)
            if lines is not None:
                found["lines"] = lines
        return found

    def pointed(self, path: Sequence[str]) -> str:
        """Lines have columns of their own."""
        if path[0] != "lines":
            return super().pointed(path)
        column = f"line.{_GIVEN_BY.get(path[-1], path[-1])}"
        return column if column in self.fields else "line.sku"


def with_line(
    arranged: tuple[dict[str, Any], dict[str, Any]], texts: Mapping[str, list[Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a row was arranged to, with what it says of its line; raises `Invalid`."""
    data, related = arranged
    line = line_of(texts)
    # Said, so that roles may keep it from being set; which lines those are is found later.
    return data | ({"lines": []} if line else {}), {**related, "line": line}


def line_of(texts: Mapping[str, list[Any]]) -> dict[str, Any] | None:
    """What a row says of its line; raises `Invalid` where it says not at which place."""
    said = {
        name.removeprefix("line."): cells[0]
        for name, cells in texts.items()
        if name.startswith("line.")
    }
    place = said.pop("place", None)
    if place is None and said:
        message = "A row says at which place its line stands, from 1 on."
        raise Invalid.at("/lines/0/place", "required", message)
    if not said:
        return None
    if "interval" in said:
        said["interval"] = interval_of(said["interval"])
    return {**said, "place": place}


def interval_of(text: str) -> str:
    """What a cell calls an interval."""
    text = text.strip().lower()
    return _INTERVALS.get(text, text.replace(" ", "_").replace("-", "_"))


async def refer_to_sold(tx: Tx, importer: Importer, drafts: Sequence[Draft], plan: Plan) -> None:
    """Find the products and variants of lines by their SKUs."""
    skus = {
        draft.number: sku_key(line["sku"])
        for draft in drafts
        if (line := draft.related["line"]) and "sku" in line
    }
    found = await sold_by(tx, "sku", set(skus.values())) if skus else {}
    for draft in drafts:
        if (sku := skus.get(draft.number)) is None:
            continue
        column, ids = found[sku]
        if len(ids) == 1:
            draft.related["line"] |= dict.fromkeys(_OF) | {column: next(iter(ids))}
        else:
            code = "ambiguous_product" if ids else "unknown_product"
            fault = Fault(code, f"{len(ids) or 'No'} product of that SKU.", "/lines/0/sku")
            draft.faults.append(importer.located(fault, draft, plan))


def lines_with(
    shape: type[Schema], given: Sequence[Mapping[str, Any]], draft: Draft
) -> list[dict[str, Any]] | None:
    """Lines as they are given, with what a row says of one; None where that is so already.

    `given` are those of `shape` that the record has. Raises `Invalid`.
    """
    said: dict[str, Any] = dict(draft.related["line"])
    place: int = said.pop("place") - 1
    said.pop("sku", None)
    if not 0 <= place <= len(given):
        message = f"The record has {len(given)} lines, so the next one is {len(given) + 1}."
        raise Invalid.at("/lines/0/place", "line_missing", message)
    try:
        lines: list[dict[str, Any]] = [shape.model_validate(one).model_dump() for one in given]
        old = _kept(lines[place], said) if place < len(lines) else {}
        line = shape.model_validate({**old, **said}).model_dump()
    except ValidationError as error:
        raise Invalid("The line makes no sense.", faults=faults_of(_at(error))) from None
    if lines[place : place + 1] == [line]:
        return None
    return [*lines[:place], line, *lines[place + 1 :]]


def _kept(old: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What stays of a line: what was told of another product is nothing that was said of this."""
    if any(name in said and said[name] != old[name] for name in _OF):
        return {name: value for name, value in old.items() if name == "id"}
    return old


def _at(error: ValidationError) -> list[Any]:
    found = error.errors(include_url=False)
    return [{**one, "loc": ("lines", 0, *one["loc"])} for one in found]
