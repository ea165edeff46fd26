"""The values of a filter as it is read: kept in the order in which its shape asks for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_api.kit.actor import Actor
from crm_api.kit.custom.fields import CustomField
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Field
from crm_api.kit.query.mistakes import fault
from crm_api.kit.query.operands import READERS, said_again
from crm_api.kit.values.errors import BadValue

MAX_VALUES = 500
MY_TEAMS = "@my_teams"
_OF_TEAMS = {"eq": "in", "ne": "nin", "in": "in", "nin": "nin"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a filter may be."""

    depth: int
    conditions: int
    quantifiers: int
    lax: bool = False
    """Whether strings stand for numbers and booleans, since some of it is of a query string."""


WRITTEN = Limits(depth=6, conditions=50, quantifiers=5)
"""Of a filter that somebody writes."""
JOINED = Limits(depth=14, conditions=300, quantifiers=25, lax=True)
"""Of one that is made of several of these: that of a report, those of a measure and of a tile, and
what says which cell it is."""


class Taking:
    """Takes the operands of a filter, one after the other."""

    def __init__(self, tx: Tx, now: datetime, *, lax: bool, limits: Limits = WRITTEN) -> None:
        self.tx, self.now, self.lax, self.limits = tx, now, lax, limits
        self.actor: Actor = tx.actor
        self.values: list[Any] = []
        self.said: list[Any] = []
        self.led_by: list[CustomField] = []
        """The relation fields by which it goes, in the order in which its shape does."""
        self.conditions = 0

    def lead(self, field: CustomField) -> None:
        """Go by a relation field from here on."""
        self.keep(field.id, field.id)
        self.led_by.append(field)

    def take(self, known: Field, operator: str, operand: Any, at: str) -> str:
        """Store an operator's values; returns the operator, which null may change."""
        self.tested(at)
        if operator == "is_null":
            return "is_null" if self.boolean(operand, at) else "not_null"
        if operand is None:
            if operator in {"eq", "ne"}:
                return "is_null" if operator == "eq" else "not_null"
            raise fault(at, "invalid_value", "null goes with eq, ne or is_null.")
        if operand == MY_TEAMS and known.kind == "uuid" and operator in _OF_TEAMS:
            operator, operand = _OF_TEAMS[operator], [operand]
        if operator in {"in", "nin"}:
            self.keep(*self.several(known, self.items(operand, at, None), at))
        elif operator == "between":
            for i, item in enumerate(self.items(operand, at, exactly=2)):
                read = self.value(known, item, f"{at}/{i}")
                self.keep(read, said_again(item, read))
        else:
            read = self.value(known, operand, at, operator)
            self.keep(read, said_again(operand, read))
        return operator

    def tested(self, at: str) -> None:
        self.conditions += 1
        if self.conditions > (most := self.limits.conditions):
            raise fault(at, "too_many_conditions", f"At most {most} conditions.")

    def keep(self, value: Any, said: Any) -> None:
        self.values.append(value)
        self.said.append(said)

    def several(self, known: Field, items: list[Any], at: str) -> tuple[list[Any], list[Any]]:
        """The values of a list, in which the actor's teams are as many as they are."""
        found, said = list[Any](), list[Any]()
        for place, item in enumerate(items):
            if item == MY_TEAMS and known.kind == "uuid":
                found += sorted(self.actor.teams)
                said.append(item)
            else:
                found.append(self.value(known, item, f"{at}/{place}"))
                said.append(said_again(item, found[-1]))
        return found, said

    def items(self, operand: Any, at: str, exactly: int | None) -> list[Any]:
        if isinstance(operand, str) and self.lax:
            operand = operand.split(",")
        if not isinstance(operand, list):
            raise fault(at, "invalid_value", "This operator takes a list.")
        items: list[Any] = list(operand)
        if exactly is not None and len(items) != exactly:
            raise fault(at, "invalid_value", f"This operator takes {exactly} values.")
        if len(items) > MAX_VALUES:
            raise fault(at, "too_many_values", f"At most {MAX_VALUES} values.")
        return items

    def boolean(self, value: Any, at: str) -> bool:
        if self.lax and isinstance(value, str) and value in {"true", "false"}:
            return value == "true"
        if not isinstance(value, bool):
            raise fault(at, "invalid_value", "Not a boolean.")
        return value

    def value(self, known: Field, value: Any, at: str, operator: str = "eq") -> Any:
        try:
            return READERS[known.kind](self, known, value, operator)
        except BadValue as error:
            raise fault(at, error.code, str(error)) from None
        except (ValueError, TypeError, ArithmeticError) as error:
            raise fault(at, "invalid_value", str(error) or "Not a value of this field.") from None
