"""Money and quantities: exact decimals outside, bigints inside."""

from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Dialect, Numeric, Text, case, cast, func, type_coerce
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeDecorator

SCALE = 10_000
_PART = Decimal(1) / SCALE


def shown_amount(amount: Decimal) -> str:
    """An amount as it is shown: plain digits, at least two decimals, no idle zeros beyond."""
    text = str(amount)
    if text[-3:-2] == ".":
        # As most amounts are.
        return text
    # With so many decimals there is no exponent; `format` takes three times as long.
    text = str(amount.quantize(_PART))
    return text[:-2] if text.endswith("00") else text.rstrip("0")


def shown_quantity(quantity: Decimal) -> str:
    """A quantity as it is shown: plain digits without idle zeros."""
    text = str(quantity)
    if "E" in text:
        text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class ExactType(TypeDecorator[Decimal]):
    """A decimal as a whole number of small parts.

    `numeric` has no leakproof operators, so under row-level security its indexes are not used
    (ADR-0005).
    """

    impl = BigInteger
    cache_ok = True
    scale: ClassVar[int]
    """How many of the parts are one."""
    places: ClassVar[int]
    """How many decimals that gives."""

    @staticmethod
    def shown(number: Decimal) -> str:
        """A number as it is shown."""
        raise NotImplementedError

    @property
    def python_type(self) -> type[Decimal]:
        """What the ORM hands out."""
        return Decimal

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Decimal to parts; a decimal too many is an error, never rounded away."""
        if value is None:
            return None
        scaled = Decimal(value) * self.scale
        if scaled != int(scaled):
            raise ValueError(f"at most {self.places} decimals")
        return int(scaled)

    def exact(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The number that a column means."""
        return cast(type_coerce(column, BigInteger()), Numeric(20, 0)) / self.scale

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """The string back as a Decimal, for the ORM."""
        return None if value is None else Decimal(value)


class AmountType(ExactType):
    """An amount as whole ten-thousandths of its currency's unit.

    Exact to four decimals, more than any ISO 4217 currency has, up to 9 * 10^14. Reads as a
    decimal string with at least two decimals.
    """

    cache_ok = True
    scale, places = SCALE, 4

    @staticmethod
    def shown(number: Decimal) -> str:
        """Plain digits, at least two decimals."""
        return shown_amount(number)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The decimal string, made by the database."""
        # The bare number, lest the constants beside it are scaled like amounts.
        whole, exact = type_coerce(column, BigInteger()), self.exact(column)
        shown = case(
            (whole % (SCALE // 100) == 0, cast(cast(exact, Numeric(20, 2)), Text)),
            else_=cast(func.trim_scale(exact), Text),
        )
        return type_coerce(shown, self)


class QuantityType(ExactType):
    """A quantity as whole millionths, up to 9 * 10^12; reads as a decimal string."""

    cache_ok = True
    scale, places = 1_000_000, 6

    @staticmethod
    def shown(number: Decimal) -> str:
        """Plain digits without idle zeros."""
        return shown_quantity(number)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The decimal string, made by the database."""
        return type_coerce(cast(func.trim_scale(self.exact(column)), Text), self)
