"""Documents of lines: discounts, taxes and totals, derived by hand and by laws for all of them."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit.pricing.discounts import Discount, SharedDiscount
from crm_api.kit.pricing.documents import Arithmetic, Calculated, Document, Line, calculate
from crm_api.kit.pricing.rounding import smallest
from crm_api.kit.pricing.taxes import Tax
from crm_api.kit.pricing.tiers import Tier, amount_of

D = Decimal
VAT19, VAT7, VAT20 = Tax("VAT", D(19)), Tax("VAT", D(7)), Tax("VAT", D(20))


def line(quantity: str, unit: str, *taxes: Tax, **further: Any) -> Line:
    return Line(D(quantity), D(unit), taxes=taxes, **further)


def of(
    lines: Sequence[Line], *discounts: SharedDiscount, currency: str = "EUR", **rules: Any
) -> Calculated:
    return calculate(Document(Arithmetic(currency, **rules), lines, discounts))


@pytest.mark.parametrize(
    ("lines", "by_line", "by_document"),
    [
        # 19 % of 0.49 is 0.0931, rounded 0.09, ten times; of 4.90 it is 0.931.
        ([line("1", "0.49", VAT19)] * 10, "0.90", "0.93"),
        # 20 % of 1.03 is 0.206, rounded 0.21, three times; of 3.09 it is 0.618.
        ([line("1", "1.03", VAT20)] * 3, "0.63", "0.62"),
    ],
)
def test_taxes_are_rounded_by_line_or_for_the_document(
    lines: list[Line], by_line: str, by_document: str
) -> None:
    assert of(lines, tax_rounding="line").totals.tax == D(by_line)
    found = of(lines)
    assert found.totals.tax == D(by_document)
    assert sum(one.tax for one in found.lines) == D(by_document)


def test_the_taxes_of_an_invoice_are_those_of_the_standard() -> None:
    """EN 16931, BR-CO-17: by category, the taxable amount times the rate, rounded."""
    found = of([line("3", "33.33", VAT19), line("7", "9.99", VAT7), line("1", "0.05", VAT19)])
    # 99.99 + 0.05 = 100.04, of which 19 % are 19.0076; 69.93, of which 7 % are 4.8951.
    assert [(one.tax.rate, one.taxable, one.amount) for one in found.taxes] == [
        (D(19), D("100.04"), D("19.01")),
        (D(7), D("69.93"), D("4.90")),
    ]
    assert (found.totals.net, found.totals.gross) == (D("169.97"), D("193.88"))


def test_included_taxes_are_taken_out_once() -> None:
    # 119.00 / 1.19 = 100.00; 9.99 / 1.19 = 8.3949…, so 8.39, and the rest is tax.
    found = of([line("1", "119", VAT19, tax_included=True)])
    assert (found.totals.net, found.totals.tax, found.totals.gross) == (100, 19, 119)
    found = of([line("1", "9.99", VAT19, tax_included=True)])
    assert (found.totals.net, found.totals.tax) == (D("8.39"), D("1.60"))


def test_several_included_taxes_are_shared_out_once() -> None:
    gst, pst = Tax("GST", D(5)), Tax("PST", D(5))
    found = of([line("1", "0.11", gst, pst, tax_included=True)] * 100)
    # 11.00 / 1.10 = 10.00, and a half of the rest each; on every line it would be a cent of one.
    assert [one.amount for one in found.taxes] == [D("0.50"), D("0.50")]
    assert all(one.net + one.tax == D("0.11") for one in found.lines)
    quebec = (Tax("GST", D(5)), Tax("QST", D("9.975")))
    found = of([line("1", "0.49", *quebec, tax_included=True)] * 200)
    # 98.00 / 1.14975 = 85.2359…: 12.76 shared out 5 : 9.975 is 4.2604… and 8.4995….
    assert [one.amount for one in found.taxes] == [D("4.26"), D("8.50")]


def test_taxes_may_be_upon_taxes() -> None:
    """Quebec before 2013: 9.5 % upon the price with 5 % of GST, an effective 9.975 %."""
    gst, qst = Tax("GST", D(5)), Tax("QST", D("9.5"), compound=True)
    found = of([line("1", "100", gst, qst)])
    # 5.00, and 9.5 % of 105 = 9.975
    assert [(one.taxable, one.amount) for one in found.taxes] == [
        (100, D("5.00")),
        (105, D("9.98")),
    ]
    # 114.975 / 1.14975 = 100
    found = of([line("1", "114.98", gst, qst, tax_included=True)])
    # 114.98 / 1.14975 = 100.0043…
    assert found.totals.net == D("100.00")
    # 14.98 shared out 5 : 9.975 is 5.0008… and 9.9791…: 5.00 and 9.97, and a cent for the latter.
    assert [one.amount for one in found.taxes] == [D("5.00"), D("9.98")]


def test_currencies_without_a_minor_unit_have_whole_amounts() -> None:
    """ISO 4217: the yen has no decimals, so nothing of a document has any."""
    # 3 x 33.5 = 100.5, half-way: 101; of it 5 % are 5.05, and 10 % of 106.05 are 10.605.
    city, state = Tax("CITY", D(5)), Tax("STATE", D(10), compound=True)
    found = of([line("3", "33.5", city, state)], currency="JPY")
    assert [one.amount for one in found.taxes] == [D(5), D(11)]
    assert (found.totals.net, found.totals.tax, found.totals.gross) == (101, 16, 117)
    # 100 off three lines of 100 is 33.33… each: 34, 33, 33 by largest remainder.
    off = SharedDiscount("document", amount=D(100))
    lines = [line("1", "100", Tax("CT", D(10)))] * 3
    found = of(lines, off, currency="JPY")
    assert [one.net for one in found.lines] == [66, 67, 67]
    # 10 % of 200 are 20; of each line 6.6 and 6.7 twice, 7 each, so 21.
    assert found.totals.tax == D(20)
    assert of(lines, off, currency="JPY", tax_rounding="line").totals.tax == D(21)


def test_currencies_of_three_decimals_have_thousandths() -> None:
    """ISO 4217: a Kuwaiti dinar has 1,000 fils."""
    # Five at 1.2345 and two at 1.1115 are 6.1725 + 2.2230 = 8.3955, half-way: 8.396.
    tiers = [Tier(D("1.2345"), D(5)), Tier(D("1.1115"))]
    whole = amount_of(D(7), "graduated", tiers)
    assert whole == D("8.3955")
    found = of([line("7", "1.1994", Tax("VAT", D(5)), amount=whole)], currency="KWD")
    # 5 % of 8.396 are 0.4198.
    assert (found.totals.net, found.totals.tax) == (D("8.396"), D("0.420"))
    assert found.totals.gross == D("8.816")
    # 0.100 off three lines of 1.000 is 0.0333… each: 0.034, 0.033, 0.033.
    off = SharedDiscount("document", amount=D("0.100"))
    found = of([line("1", "1")] * 3, off, currency="KWD")
    assert [one.net for one in found.lines] == [D("0.966"), D("0.967"), D("0.967")]


def test_discounts_follow_one_another_in_their_order() -> None:
    discounts = (
        Discount("manual", amount=D("1.00"), source="rep"),
        Discount("customer", percent=D(10)),
        Discount("list", percent=D(20)),
    )
    [found] = of([line("3", "9.99", discounts=discounts)]).lines
    # 29.97 - 20 % = 23.976; - 10 % = 21.5784; - 1.00 = 20.5784. Shown: 23.98, 21.58, 20.58.
    assert [(one.stage, one.amount) for one in found.discounts] == [
        ("list", D("5.99")),
        ("customer", D("2.40")),
        ("manual", D("1.00")),
    ]
    assert found.net == D("20.58")
    # 9.39 of 29.97 is 31.331…
    assert found.discount_percent == D("31.33")


def test_what_is_off_the_document_is_shared_out_by_tax_and_line() -> None:
    lines = [line("1", "10", VAT19), line("1", "10", VAT7), line("1", "10", VAT19)]
    found = of(lines, SharedDiscount("document", amount=D("10.00")))
    # 20 : 10 are 6.67 and 3.33; of 6.67 the first of two equals has the odd cent.
    assert [one.net for one in found.lines] == [D("6.66"), D("6.67"), D("6.67")]
    # 13.33 x 0.19 = 2.5327; 6.67 x 0.07 = 0.4669
    assert [one.amount for one in found.taxes] == [D("2.53"), D("0.47")]
    assert found.totals.discount == D("10.00")


def test_sections_come_before_documents_before_coupons() -> None:
    lines = [line("1", "100", section="a"), line("1", "100", section="b")]
    found = of(
        lines,
        SharedDiscount("coupon", percent=D(10), lines=frozenset({1})),
        SharedDiscount("document", percent=D(10)),
        SharedDiscount("section", percent=D(50), section="a"),
    )
    # 100 - 50 % = 50, - 10 % = 45; 100 - 10 % = 90, - 10 % = 81.
    assert [one.net for one in found.lines] == [D(45), D(81)]
    assert [one.stage for one in found.lines[1].discounts] == ["document", "coupon"]


def test_no_more_is_taken_than_there_is() -> None:
    lines = [line("1", "3"), line("1", "4", discounts=(Discount("manual", amount=D(9)),))]
    found = of(lines, SharedDiscount("coupon", amount=D(100)))
    assert [one.net for one in found.lines] == [0, 0]
    assert found.totals.discount == D(7)


def test_options_are_priced_and_not_counted() -> None:
    lines = [line("1", "100", VAT19), line("1", "50", VAT19, counts=False)]
    found = of(lines, SharedDiscount("document", percent=D(10)))
    assert found.totals.net == D(90)
    assert (found.lines[1].net, found.lines[1].tax) == (D(50), D("9.50"))


def test_coins_are_a_line_of_their_own() -> None:
    found = of([line("1", "9.92", VAT7)], currency="CHF", cash_step=D("0.05"))
    # 9.92 x 1.07 = 10.6144: 10.61, of which 10.60 are paid.
    totals = found.totals
    assert (totals.gross, totals.cash_rounding, totals.payable) == (
        D("10.61"),
        D("-0.01"),
        D("10.60"),
    )


def test_margins_and_floors_are_told() -> None:
    cheap = line("2", "10", unit_cost=D(6), unit_floor=D(9))
    sold = replace(cheap, discounts=(Discount("manual", percent=D("10.01")),))
    fair, low = of([cheap, sold]).lines
    # 20 - 12 = 8, which is 40 % of 20; 20 - 10.01 % = 17.998, rounded to 18.00, is the floor.
    assert (fair.margin, fair.margin_percent, fair.below_floor) == (8, D("40.00"), False)
    assert low.below_floor is False
    [low] = of([replace(sold, discounts=(Discount("manual", percent=D(11)),))]).lines
    assert low.below_floor is True
    assert of([cheap, line("1", "1")]).totals.margin is None


def test_the_amount_of_slices_stands_for_quantity_times_price() -> None:
    found = of([Line(D(6), D(7), amount=D("41.50"))])
    assert found.totals.net == D("41.50")
    # 41.50 / 6
    assert found.lines[0].unit_net == D("6.9167")


def test_a_document_without_lines_comes_to_nothing() -> None:
    assert of([]).totals.payable == 0


@pytest.mark.parametrize(
    "wrong",
    [
        line("-1", "1"),
        line("1", "-1"),
        Line(D(1), D(1), amount=D(-1)),
        line("1", "1", Tax("VAT", D(-1))),
        line("1", "1", discounts=(Discount("manual"),)),
        line("1", "1", discounts=(Discount("manual", D(5), D(5)),)),
        line("1", "1", discounts=(Discount("manual", D(101)),)),
        line("1", "1", discounts=(Discount("manual", amount=D(-1)),)),
    ],
)
def test_what_is_no_line_is_refused(wrong: Line) -> None:
    with pytest.raises(ValueError, match=r"negative|discount"):
        of([wrong])


@pytest.mark.parametrize("field", ["quantity", "unit_price", "amount", "unit_cost"])
def test_floats_are_refused_wherever_they_stand(field: str) -> None:
    wrong: Any = {field: 1.1}
    with pytest.raises(TypeError):
        of([replace(line("1", "1"), **wrong)])


money = st.decimals(0, 10**6, places=4)
percents = st.decimals(0, 100, places=2)
taxes = st.sampled_from(
    [
        (),
        (VAT19,),
        (VAT7,),
        (Tax("GST", D(5)), Tax("QST", D("9.5"), compound=True)),
        (Tax("0", D(0)),),
    ]
)
line_discounts = st.builds(
    Discount,
    st.sampled_from(["list", "volume", "customer", "campaign", "manual"]),
    percents,
)
lines = st.builds(
    Line,
    st.decimals(0, 10**4, places=3),
    money,
    discounts=st.lists(line_discounts, max_size=3).map(tuple),
    taxes=taxes,
    tax_included=st.booleans(),
    section=st.sampled_from([None, "a", "b"]),
    counts=st.booleans(),
    unit_cost=st.none() | money,
)
shared = st.builds(
    SharedDiscount,
    st.sampled_from(["document", "coupon"]),
    percents,
) | st.builds(SharedDiscount, st.just("section"), percents, section=st.sampled_from(["a", "b"]))
documents = st.builds(
    Document,
    st.builds(
        Arithmetic,
        st.sampled_from(["JPY", "EUR", "KWD", "CLF", "CHF"]),
        st.sampled_from(["half_up", "half_even"]),
        st.sampled_from(["document", "line"]),
        st.sampled_from([None, D("0.05")]),
    ),
    st.lists(lines, max_size=8),
    st.lists(shared, max_size=3),
)


@given(documents)
def test_lines_and_totals_agree_to_the_smallest_coin(document: Document) -> None:
    found, step = calculate(document), smallest(document.arithmetic.currency)
    counted = [one for one, given in zip(found.lines, document.lines, strict=True) if given.counts]
    totals = found.totals
    for name in ("list_amount", "net", "tax", "gross"):
        assert sum(getattr(one, name) for one in counted) == getattr(totals, name)
    assert sum(one.amount for one in found.taxes) == totals.tax
    assert totals.net + totals.tax == totals.gross == totals.payable - totals.cash_rounding
    for one in found.lines:
        assert one.list_amount - sum(taken.amount for taken in one.discounts) == one.amount
        assert one.net + sum(amount for _, amount in one.taxes) == one.gross == one.net + one.tax
        assert min(one.net, one.tax, one.amount) >= 0
        assert all(taken.amount >= 0 for taken in one.discounts)
        assert one.net % step == one.gross % step == 0


@given(documents)
def test_the_same_document_comes_to_the_same(document: Document) -> None:
    assert calculate(document) == calculate(document)


@given(documents, st.randoms())
def test_the_order_of_lines_does_not_change_totals(document: Document, random: Any) -> None:
    moved = list(document.lines)
    random.shuffle(moved)
    orders = (document.lines, moved)
    first, second = (calculate(replace(document, lines=order)).totals for order in orders)
    # Where lines share out what is off them, the order decides who has the odd coin, and its tax.
    assert (first.list_amount, first.discount) == (second.list_amount, second.discount)
    first, second = (calculate(Document(document.arithmetic, order)).totals for order in orders)
    assert first == second


@given(documents)
def test_discounts_of_nothing_change_nothing(document: Document) -> None:
    nothing = SharedDiscount("document", percent=D(0))
    more = Document(document.arithmetic, document.lines, [*document.discounts, nothing])
    assert calculate(more).totals == calculate(document).totals
