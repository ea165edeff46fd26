"""What a statement answers, as a report shows it."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast

from crm_api.domains.reports.calculating import calculate
from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.measuring import AFTERWARDS, Known
from crm_api.domains.reports.operands import unfit
from crm_api.domains.reports.schemas import MAX_CELL
from crm_api.kit.db.json import decode, encode
from crm_api.kit.money import shown_amount, shown_quantity

_SIXTH = Decimal("0.000001")
_FOURTH = Decimal("0.0001")
Row = dict[str, Any]


def digest(value: Any) -> str:
    """SHA-256 of plain values, whatever the order of their keys."""
    return hashlib.sha256(encode(_ordered(value))).hexdigest()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return {key: _ordered(found[key]) for key in sorted(found)}
    if isinstance(value, list):
        return [_ordered(item) for item in cast("list[Any]", value)]
    return value


def shown(value: Any, kind: str) -> Any:
    """A value as JSON has it: exact numbers as decimal strings, amounts with two decimals."""
    if value is None or isinstance(value, bool):
        return value
    if kind == "integer":
        return int(value)
    if kind == "amount":
        return shown_amount(Decimal(str(value)).quantize(_FOURTH, ROUND_HALF_UP))
    if kind in {"number", "ratio"}:
        return shown_quantity(Decimal(str(value)).quantize(_SIXTH, ROUND_HALF_UP))
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def said_total(total: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], word: str) -> Row:
    """The values of a total, with a word at the first grouping that it is not by.

    So a group without a value stays one, and is not taken for the total of everything.
    """
    said: Row = {}
    for column in columns:
        if column["role"] == "grouping" and column["name"] not in total["by"]:
            said = {column["name"]: word, column.get("label") or column["name"]: word}
            break
    return said | {n: v for n, v in total["values"].items() if v is not None or n not in said}


def cell_of(values: Mapping[str, Any]) -> str:
    """The name of a cell: its groups, as text that goes into an address."""
    return urlsafe_b64encode(encode(dict(values))).decode().rstrip("=")


def groups_of(cell: str) -> dict[str, Any]:
    """The groups of a cell; raises `Invalid`."""
    try:
        # Checked here too: arguments of GraphQL are of any length.
        found = decode(_bytes_of(cell)) if len(cell) <= MAX_CELL else None
    except (ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise unfit("/cell", "invalid_cell", "Not a cell of a report.")
    return cast("dict[str, Any]", found)


def _bytes_of(cell: str) -> bytes:
    return urlsafe_b64decode(cell + "=" * (-len(cell) % 4))


def columns_of(plan: Plan) -> list[Row]:
    """The columns of its rows."""
    groups: list[Row] = [
        {
            "name": group.name,
            "role": "grouping",
            "kind": group.kind,
            "bucket": group.bucket,
            "unit": None,
            "currency": None,
            "label": None,
        }
        for group in plan.groups
    ]
    return groups + [measure_column(plan, known) for known in plan.visible]


def column_row(name: str, role: str, kind: str) -> Row:
    """A column that is of no currency."""
    none = dict.fromkeys(("bucket", "unit", "currency", "label"))
    return {"name": name, "role": role, "kind": kind, **none}


def measure_column(plan: Plan, known: Known) -> Row:
    """The column of a measure."""
    return {
        "name": known.asked.name,
        "role": "measure",
        "kind": known.kind,
        "bucket": None,
        "unit": known.unit,
        "currency": plan.calendar.currency if known.base else None,
        "label": None,
    }


class Shaped:
    """The rows and totals of an answer."""

    def __init__(self, plan: Plan, rows: Sequence[Any]) -> None:
        self.plan = plan
        depth = len(plan.groups)
        stored = [known for known in plan.measures if known.asked.function not in AFTERWARDS]
        self.raw: list[tuple[tuple[Any, ...], Row]] = []
        self.totals: list[Row] = []
        for row in rows:
            keys = tuple(row[:depth])
            found = {k.asked.name: row[depth + n] for n, k in enumerate(stored)}
            if row["level"]:
                self.totals.append(self._total(keys, found, row))
            else:
                self.raw.append((keys, found))
        self.truncated = len(self.raw) > plan.limit
        if not plan.finish:
            del self.raw[plan.limit :]

    def finish(self) -> None:
        """Fill in calculated columns, and leave out and sort what hangs on them."""
        for keys, found in self.raw:
            self._calculate(keys, found)
        if self.plan.finish:
            self.raw = self.plan.finish(self.raw)
            self.truncated = len(self.raw) > self.plan.limit
            del self.raw[self.plan.limit :]

    def _calculate(self, keys: Sequence[Any], found: Row) -> None:
        values = {group.name: key for group, key in zip(self.plan.groups, keys, strict=True)}
        for known in self.plan.measures:
            if known.formula is not None:
                found[known.asked.name] = calculate(known.formula, values | found)

    def rows(self) -> list[Row]:
        """Each group with its measures."""
        return [self._row(keys, found) for keys, found in self.raw]

    def _row(self, keys: Sequence[Any], found: Row) -> Row:
        groups = self._groups(keys)
        return {"cell": cell_of(groups), "values": groups | self._numbers(found)}

    def _groups(self, keys: Sequence[Any], left: Sequence[int] | None = None) -> Row:
        kept = range(len(keys)) if left is None else left
        return {self.plan.groups[n].name: shown(keys[n], self.plan.groups[n].kind) for n in kept}

    def _numbers(self, found: Row) -> Row:
        return {
            known.asked.name: shown(found.get(known.asked.name), known.kind)
            for known in self.plan.visible
        }

    def _total(self, keys: Sequence[Any], found: Row, row: Any) -> Row:
        # The last grouping is the lowest bit; it is set where rows are not by it.
        last, level = len(keys) - 1, row["level"]
        left = [n for n in range(len(keys)) if not level >> (last - n) & 1]
        groups = self._groups(keys, left)
        self._calculate([key if n in left else None for n, key in enumerate(keys)], found)
        for known in self.plan.measures:
            # Amounts of several currencies are no amount.
            if any(n not in left and row[f"mixed{n}"] for n in known.currencies):
                found[known.asked.name] = None
        return {
            "cell": cell_of(groups),
            "by": list(groups),
            "values": groups | self._numbers(found),
        }
