"""The words of definitions of reports, for the parts that declare metrics and standard reports."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.reporting import DefinedReport, Filter, of_ids
from crm_api.kit.schema import LATEST

Words = Mapping[str, Any]
MOST_BEHIND = 20_000
"""So many records are told one by one."""


def known(field: str) -> Words:
    """That a field has a value."""
    return {field: {"is_null": False}}


def spanned(field: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """That an instant lies within the days `from` and `to`, both included."""
    after = given["to"] + timedelta(days=1)
    until = {"lt": after.isoformat()} if after < LATEST.date() else {}
    return {field: {"gte": given["from"].isoformat(), **until}}


def counted(name: str, filter: Words | None = None) -> Words:
    """How many records there are, or how many of these."""
    return {"name": name, "function": "count", **({"filter": filter} if filter else {})}


def distinct(name: str, field: str, filter: Words | None = None) -> Words:
    """How many values a field has."""
    return {**counted(name, filter), "function": "count_distinct", "field": field}


def total(name: str, field: str, filter: Words | None = None) -> Words:
    """The sum of a field."""
    return {**counted(name, filter), "function": "sum", "field": field}


def share(name: str, of: str, by: str) -> Words:
    """One measure by another; null where that is 0."""
    return {"name": name, "function": "ratio", "of": [of, by]}


def elapsed(
    name: str, until: str, since: str, percentile: int = 50, *, unit: str = "hours"
) -> Words:
    """How long it took, around the clock; of so many percent no longer."""
    return {
        "name": name,
        "function": "percentile",
        "field": until,
        "since": since,
        "percentile": str(percentile),
        "unit": unit,
    }


def completeness(source: str, title: str, *fields: str) -> DefinedReport:
    """How many records of a kind lack which of their fields, by owner."""
    return DefinedReport(
        name=f"{source}_completeness",
        title=title,
        text=f"By owner, of how many these are known: {', '.join(fields)}.",
        formula="share = records in which the field has a value / records",
        source=source,
        definition={
            "groupings": [{"field": "owner_id"}],
            "measures": [
                counted("records"),
                *(counted(name, known(name)) for name in fields),
                *(share(f"{name}_share", name, "records") for name in fields),
            ],
            "totals": True,
        },
    )


def few(ids: Sequence[UUID]) -> Filter:
    """The filter of some records; raises `Invalid` where they are too many to be told."""
    if len(ids) > MOST_BEHIND:
        message = f"There are more than {MOST_BEHIND:,} of them: choose fewer days."
        fault = Fault("too_many_records", message, pointer="/cell")
        raise Invalid(message, code="invalid_report", faults=[fault])
    return of_ids(ids)
