"""What is printed in a proposal. Whoever has the figures fills this; nothing here computes them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from crm_api.kit.schema import Cleaned, Currency, Day, Language, Line, Name, Prose, Schema, Short
from crm_api.kit.values.codes import minor_digits

MAX_LINES = 1_000
Color = Annotated[str, StringConstraints(pattern="^#[0-9a-fA-F]{6}$")]
Figure = Annotated[Decimal, Field(max_digits=18, decimal_places=4, allow_inf_nan=False)]
"""An amount of the currency. Negative where something is given back."""
Price = Annotated[Decimal, Field(max_digits=20, decimal_places=6, allow_inf_nan=False)]
Quantity = Annotated[Decimal, Field(max_digits=18, decimal_places=6, ge=0, allow_inf_nan=False)]
Percent = Annotated[Decimal, Field(max_digits=7, decimal_places=4, ge=0, le=100)]
TaxPercent = Annotated[Decimal, Field(max_digits=8, decimal_places=4, ge=0, le=1_000)]
Interval = Literal["month", "quarter", "half_year", "year"]
Unit = Annotated[str, StringConstraints(min_length=1, max_length=20), Cleaned]
Text = Annotated[str, StringConstraints(min_length=1, max_length=6_000), Cleaned]


class Fact(Schema):
    """A named detail, such as a customer number or a VAT id."""

    name: Short
    value: Name


class Person(Schema):
    """Who is there for questions, or signs."""

    name: Name
    title: Name | None = None
    email: Line | None = None
    phone: Short | None = None


class Party(Schema):
    """The seller or the customer, as on an envelope."""

    name: Name
    address: list[Name] = Field(default_factory=list, max_length=8)
    """Line by line, in the order of the country."""
    person: Person | None = None
    facts: list[Fact] = Field(default_factory=list, max_length=8)


class Seller(Party):
    """Who makes the offer."""

    email: Line | None = None
    phone: Short | None = None
    website: Name | None = None
    imprint: list[list[Name]] = Field(default_factory=list, max_length=3)
    """Columns at the foot of each page: register, board, bank."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if any(len(column) > 5 for column in self.imprint):
            raise ValueError("a column of the imprint has at most five lines")
        return self


class Brand(Schema):
    """What makes the paper the seller's own; the logo comes as bytes beside this."""

    color: Color = "#1f4e79"


class Discount(Schema):
    """What is taken off a price, as a percentage or as an amount."""

    name: Name | None = None
    percent: Percent | None = None
    amount: Figure | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("a discount has either `percent` or `amount`")
        return self


class Item(Schema):
    """A line: what is offered, how much of it, for what. Without a price it is a remark."""

    position: Short | None = Field(None, description="Counted where it is left out.")
    name: Line
    code: Short | None = Field(None, description="The seller's number of the product.")
    description: Text | None = None
    contents: list[Line] = Field(default_factory=list, max_length=50)
    """What a bundle is made of."""
    quantity: Quantity | None = None
    unit: Unit | None = None
    unit_price: Price | None = None
    discounts: list[Discount] = Field(default_factory=list, max_length=5)
    net: Figure | None = Field(None, description="After discounts, in the prices of the proposal.")
    interval: Interval | None = Field(None, description="How often it falls due; once without.")
    choice: Literal["included", "optional", "alternative"] = "included"
    alternative_to: Short | None = Field(None, description="A position.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        priced = [self.quantity is None, self.unit_price is None, self.net is None]
        if any(priced) and not all(priced):
            raise ValueError("`quantity`, `unit_price` and `net` come together")
        if self.alternative_to and self.choice != "alternative":
            raise ValueError("`alternative_to` is for alternatives")
        return self


class Section(Schema):
    """Lines under one heading."""

    title: Name | None = None
    text: Text | None = None
    items: list[Item] = Field(min_length=1, max_length=MAX_LINES)
    subtotal: Figure | None = None


class Tax(Schema):
    """One rate of one tax."""

    name: Name
    rate: TaxPercent
    base: Figure
    amount: Figure
    note: Line | None = Field(None, description="Such as why none is due.")


class Deduction(Schema):
    """A discount on everything."""

    name: Name
    percent: Percent | None = None
    amount: Annotated[Figure, Field(ge=0)]


class Totals(Schema):
    """What falls due once, or again in each interval."""

    interval: Interval | None = None
    subtotal: Figure = Field(description="The sum of the lines.")
    deductions: list[Deduction] = Field(default_factory=list, max_length=10)
    taxes: list[Tax] = Field(default_factory=list, max_length=12)
    rounding: Figure = Field(Decimal(0), description="To what can be paid in cash.")
    total: Figure


class Value(Schema):
    """What the whole is worth, as a figure of its own."""

    kind: Literal["mrr", "acv", "tcv"]
    amount: Figure


class Clause(Schema):
    """A paragraph of the terms."""

    title: Name | None = None
    text: Prose


class Proposal(Schema):
    """Everything that stands in a proposal."""

    language: Language = "en"
    currency: Currency
    number: Short
    version: int = Field(1, ge=1, le=9_999)
    date: Day
    valid_until: Day | None = None
    is_draft: bool = Field(False, description="Marked as such on every page.")
    subject: Line
    brand: Brand = Field(default_factory=Brand)
    seller: Seller
    customer: Party
    facts: list[Fact] = Field(default_factory=list, max_length=8)
    introduction: Prose | None = None
    prices: Literal["net", "gross"] = Field("net", description="Whether taxes are in the prices.")
    sections: list[Section] = Field(min_length=1, max_length=101)
    totals: list[Totals] = Field(min_length=1, max_length=5)
    values: list[Value] = Field(default_factory=list, max_length=3)
    terms: list[Clause] = Field(default_factory=list, max_length=100)
    closing: Prose | None = None
    signatures: bool = True

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if sum(len(section.items) for section in self.sections) > MAX_LINES:
            raise ValueError(f"a proposal has at most {MAX_LINES} lines")
        if self.valid_until and self.valid_until < self.date:
            raise ValueError("`valid_until` lies before `date`")
        self._need_exact()
        self._need_sums()
        return self

    def _need_exact(self) -> None:
        digits = minor_digits(self.currency)
        for path, amount in _figures(self, ""):
            if amount != round(amount, digits):
                raise ValueError(f"{path}: {amount} has more decimals than {self.currency}")

    def _need_sums(self) -> None:
        intervals = [group.interval for group in self.totals]
        if len(set(intervals)) < len(intervals):
            raise ValueError("there is one total for each interval")
        items = [
            item for section in self.sections for item in section.items if item.net is not None
        ]
        for item in items:
            if item.choice == "included" and item.interval not in intervals:
                raise ValueError(f"there is no total for the line “{item.name}”")
        for group in self.totals:
            nets = (i.net or Decimal(0) for i in items if _counts(i, group.interval))
            _need("subtotal", group.subtotal, sum(nets, Decimal(0)))
            left = group.subtotal + group.rounding
            left -= sum((one.amount for one in group.deductions), Decimal(0))
            if self.prices == "net":
                left += sum((tax.amount for tax in group.taxes), Decimal(0))
            _need("total", group.total, left)


def _counts(item: Item, interval: Interval | None) -> bool:
    return item.choice == "included" and item.interval == interval


def _need(what: str, given: Decimal, found: Decimal) -> None:
    if given != found:
        raise ValueError(f"the {what} is {given}, but what it is made of comes to {found}")


def _figures(node: Any, path: str) -> Sequence[tuple[str, Decimal]]:
    """The amounts of the currency in a proposal; prices of units may be finer."""
    found: list[tuple[str, Decimal]] = []
    if isinstance(node, list):
        for index, inner in enumerate(node):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            found += _figures(inner, f"{path}/{index}")
    elif isinstance(node, Schema):
        for name in type(node).model_fields:
            value = getattr(node, name)
            if isinstance(value, Decimal) and name in _AMOUNTS:
                found.append((f"{path}/{name}", value))
            else:
                found += _figures(value, f"{path}/{name}")
    return found


_AMOUNTS = frozenset({"amount", "base", "net", "rounding", "subtotal", "total"})
