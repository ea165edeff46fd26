"""Calculated columns: formulas of the numbers and groups of a row, in the language of fields."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crm_api.domains.reports.operands import unfit
from crm_api.domains.reports.schemas import ReportMeasure
from crm_api.kit.custom.formulas import OPERANDS, Formula, Kind, compiled
from crm_api.kit.values.errors import BadValue

OthersKinds = Mapping[str, str]
_KINDS: Mapping[Kind, str] = {"text": "text", "bool": "boolean", "day": "day", "instant": "instant"}


def formula_of(asked: ReportMeasure, kinds: OthersKinds, at: str) -> tuple[Formula, str]:
    """The formula of a measure, and the kind of its values; raises `Invalid`."""
    at = f"{at}/expression"

    def kind_of(name: str) -> Kind | None:
        kind = kinds.get(name)
        return "number" if kind == "ratio" else OPERANDS.get(kind or "")

    try:
        formula = compiled(asked.expression or "", kind_of)
    except BadValue as error:
        raise unfit(at, error.code, error.message) from None
    return formula, _KINDS.get(formula.kind, asked.shown_as)


def calculate(formula: Formula, values: Mapping[str, Any]) -> Any:
    """Its value for a row."""
    return formula.value({name: _operand(values.get(name)) for name in formula.uses})


def _operand(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        # As it is written: a double is no decimal.
        return Decimal(repr(value))
    return value
