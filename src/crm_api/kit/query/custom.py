"""Custom fields in SQL: as typed expressions over the record's JSON, or by the index of values."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Numeric,
    Text,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from crm_api.kit.custom.fields import NUMBERS
from crm_api.kit.db.tables import CustomValue

_NUMBER = r"^-?\d{1,20}(\.\d{1,10})?$"


def part(row: Any, name: ColumnElement[str]) -> ColumnElement[Any]:
    """The JSON of a custom field; null where there is none."""
    return row.custom.op("->", return_type=JSONB())(name)


def text(row: Any, name: ColumnElement[str]) -> ColumnElement[Any]:
    """A custom field as the text that JSON shows of it; null where there is none."""
    return row.custom.op("->>", return_type=Text())(name)


def whole(row: Any, hidden: Sequence[str]) -> ColumnElement[Any]:
    """All custom fields but some."""
    if not hidden:
        return row.custom
    return row.custom.op("-", return_type=JSONB())(literal(list(hidden), ARRAY(Text())))


def value(row: Any, name: ColumnElement[str], kind: str) -> ColumnElement[Any]:
    """The value of a custom field as it compares: text by code points, or a number.

    Whatever is no number, because it was stored before the field was defined, is null.
    """
    if kind == "amount":
        found = part(row, name).op("->>", return_type=Text())(literal_column("'amount'"))
    else:
        found = text(row, name)
    if kind in NUMBERS:
        return case((found.op("~")(_literal(_NUMBER)), cast(found, Numeric())))
    if kind == "instant":
        found = func.rtrim(found, literal_column("'Z'"), type_=Text())
    return cast(found, Text()).collate("C")


def currency(row: Any, name: ColumnElement[str]) -> ColumnElement[Any]:
    """The currency of an amount."""
    found = part(row, name).op("->>", return_type=Text())(literal_column("'currency'"))
    return found.collate("C")


def extreme_text(found: ColumnElement[Any], kind: str) -> ColumnElement[Any]:
    """A day or an instant of a column in the form in which custom fields compare."""
    if kind == "day":
        shown = func.to_char(found, literal_column("'YYYY-MM-DD'"), type_=Text())
    else:
        utc = func.timezone(literal_column("'UTC'"), found)
        form = literal_column("'YYYY-MM-DD\"T\"HH24:MI:SS.US'")
        exact = func.to_char(utc, form, type_=Text())
        shown = func.rtrim(func.rtrim(exact, literal_column("'0'")), literal_column("'.'"))
    return cast(shown, Text()).collate("C")


def _literal(text: str) -> ColumnElement[str]:
    return literal_column("'" + text.replace("'", "''") + "'")


def indexed(field_id: ColumnElement[UUID], kind: str, organization: Any) -> tuple[Any, Any]:
    """The records in the index of a field, and the column to compare."""
    entry = aliased(CustomValue)
    column = {"uuid": entry.reference}.get(kind, entry.number if kind in NUMBERS else entry.text)
    query = select(entry.record_id).where(
        entry.organization_id == organization, entry.field_id == field_id
    )
    return query, column
