"""Money: exact decimals outside, bigints inside."""

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Dialect, Numeric, Text, case, cast, func, type_coerce
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeDecorator

SCALE = 10_000


def shown_amount(amount: Decimal) -> str:
    """An amount as it is shown: plain digits, at least two decimals, no idle zeros beyond."""
    exact = amount.quantize(Decimal("0.0001"))
    text = f"{exact:f}"
    return text[:-2] if text.endswith("00") else text.rstrip("0")


class AmountType(TypeDecorator[Decimal]):
    """An amount as whole ten-thousandths of its currency's unit.

    `numeric` has no leakproof operators, so under row-level security its indexes are not used
    (ADR-0005); a bigint is exact to four decimals, more than any ISO 4217 currency has, up to
    9 * 10^14. Reads as a decimal string with at least two decimals.
    """

    impl = BigInteger
    cache_ok = True

    @property
    def python_type(self) -> type[Decimal]:
        """What the ORM hands out."""
        return Decimal

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Decimal to ten-thousandths; a fifth decimal is an error, never rounded away."""
        if value is None:
            return None
        scaled = Decimal(value) * SCALE
        if scaled != int(scaled):
            raise ValueError("an amount has at most four decimals")
        return int(scaled)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The decimal string, made by the database."""
        # The bare number, lest the constants beside it are scaled like amounts.
        whole = type_coerce(column, BigInteger())
        exact = cast(whole, Numeric(20, 0)) / SCALE
        shown = case(
            (whole % (SCALE // 100) == 0, cast(cast(exact, Numeric(20, 2)), Text)),
            else_=cast(func.trim_scale(exact), Text),
        )
        return type_coerce(shown, self)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """The string back as a Decimal, for the ORM."""
        return None if value is None else Decimal(value)
