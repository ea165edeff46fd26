"""Columns, indexes and constraints that many tables have."""

from typing import Any, get_args

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, column, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import KeyText


class Named:
    """A name, and the key that sorts it as a dictionary does."""

    name: Mapped[str] = mapped_column(KeyText)
    sort_name: Mapped[str] = mapped_column(KeyText)


class Translated:
    """What it is called in other languages than the organization's, by BCP 47 tag."""

    names: Mapped[dict[str, Any]]


class Described:
    """What is said about a record of any kind."""

    tags: Mapped[list[str]]
    source: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]


def one_of(column: str, literal: Any) -> CheckConstraint:
    """A text column that holds one of a `Literal`'s values."""
    listed = ", ".join(f"'{value}'" for value in get_args(literal))
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def foreign_key(column: str, table: str, *, goes_with: bool = False) -> ForeignKeyConstraint:
    """A reference to a record of the same organization, with which the row may go."""
    return ForeignKeyConstraint(
        ["organization_id", column],
        [f"{table}.organization_id", f"{table}.id"],
        ondelete="CASCADE" if goes_with else None,
    )


def ordered(table: str, *columns: str) -> tuple[Index, ...]:
    """The orders in which a list is read without sorting; the id makes each of them total."""
    return tuple(
        Index(f"ix_{table}_{_short(column)}", "organization_id", column, "id") for column in columns
    )


def referring(table: str, column: str, *, optional: bool = False) -> Index:
    """Finds the rows that refer to a record, without those that refer to none."""
    return Index(
        f"ix_{table}_{_short(column)}",
        "organization_id",
        column,
        postgresql_where=text(f"{column} IS NOT NULL") if optional else None,
    )


def alone(table: str, *columns: str) -> tuple[ExcludeConstraint, CheckConstraint]:
    """No two living rows have these values on one day, from `valid_from` to `valid_to`."""
    same: list[tuple[Any, str]] = [(column(name), "=") for name in ("organization_id", *columns)]
    return ExcludeConstraint(
        *same,
        (text("daterange(valid_from, valid_to, '[]')"), "&&"),
        name=f"ex_{table}_overlap",
        using="gist",
        where=text("deleted_at IS NULL"),
    ), CheckConstraint("valid_to >= valid_from", name="ends_after_start")


def _short(column: str) -> str:
    return column.removeprefix("sort_").removesuffix("_at").removesuffix("_id")
