"""Which promotion is taken of those that exclude each other: few are tried, the best is found."""

from decimal import Decimal

from crm_api.domains.prices.discounting import Offer, cheapest


def offer(id, percent, places, stacking="exclusive"):
    percent = int(percent * 1_000_000)
    promotion = {"id": id, "percent": percent, "amount": None, "stacking": stacking}
    return Offer(promotion, frozenset(places))


class Tries:
    """Lines of 100 each, of which those at even places are at a tenth of that by hand."""

    def __init__(self, lines):
        self.amounts = [Decimal(100 if place % 2 else 10) for place in range(lines)]
        self.count = 0

    def tried(self, offers):
        self.count += 1
        found = list(self.amounts)
        for one in offers:
            for place in one.places:
                found[place] *= (100 - one.percent) / 100
        return offers, found

    def best(self, offers):
        return cheapest(offers, self.tried, lambda found: found[1])[0]


def test_of_many_lines_few_choices_are_calculated():
    """20 promotions for 500 lines were 21 calculations of everything."""
    tries = Tries(500)
    offers = [offer(str(n), n, range(500)) for n in range(1, 21)]
    assert [one.promotion["id"] for one in tries.best(offers)] == ["20"]
    assert tries.count <= 4


def test_of_few_lines_all_are():
    tries = Tries(10)
    offers = [offer(str(n), n, range(10)) for n in range(1, 21)]
    tries.best(offers)
    assert tries.count == 21


def test_what_would_take_off_most_is_told_by_what_is_left_to_pay():
    """9 % of those at 100 are 2,250; 50 % of those at 10 are 1,250, though of as many lines."""
    tries = Tries(500)
    offers = [offer(str(n), 50, range(0, 500, 2)) for n in range(10)]
    offers.append(offer("best", 9, range(1, 500, 2)))
    assert [one.promotion["id"] for one in tries.best(offers)] == ["best"]


def test_all_that_go_together_are_taken_where_none_is_better():
    tries = Tries(4)
    together = [offer(name, 10, range(4), "stackable") for name in "ab"]
    assert tries.best([*together, offer("c", 19, range(4))]) == together
    assert [one.promotion["id"] for one in tries.best([*together, offer("c", 20, range(4))])] == [
        "c"
    ]
