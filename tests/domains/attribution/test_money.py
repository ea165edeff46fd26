"""Revenue against cost: exact, and nothing by nothing."""

from decimal import Decimal

from crm_api.domains.attribution.results import money

ZERO = Decimal(0)


def test_a_campaign_of_500_that_brought_1250():
    found = money(Decimal(1250), Decimal(500), 8, Decimal("2.5"), Decimal("1.25"))
    assert found == {
        "revenue": "1250.00",
        "cost": "500.00",
        "profit": "750.00",
        # (1250 - 500) / 500, and 1250 / 500.
        "roi": "1.5",
        "roas": "2.5",
        "cost_per_lead": "62.50",
        "cost_per_opportunity": "200.00",
        "cost_per_sale": "400.00",
    }


def test_a_loss_is_less_than_nothing():
    found = money(ZERO, Decimal(500), 0, ZERO, ZERO)
    assert (found["roi"], found["roas"], found["profit"]) == ("-1", "0", "-500.00")
    assert found["cost_per_lead"] is found["cost_per_opportunity"] is found["cost_per_sale"] is None


def test_by_nothing_nothing_is_divided():
    for spent in (None, ZERO):
        found = money(Decimal(100), spent, 3, Decimal(1), Decimal(1))
        assert (found["roi"], found["roas"]) == (None, None)
    assert money(Decimal(100), None, 3, ZERO, ZERO)["cost_per_lead"] is None
    assert money(Decimal(100), ZERO, 3, ZERO, ZERO)["cost_per_lead"] == "0.00"


def test_what_does_not_come_out_even_is_rounded():
    assert money(ZERO, Decimal(100), 3, ZERO, ZERO)["cost_per_lead"] == "33.3333"
