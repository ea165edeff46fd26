"""What is offered together: vectors by hand, and what proposals make of it."""

from decimal import Decimal
from uuid import UUID

from crm_api.domains.recipes.affinity import Baskets, rules_of
from support.proposing import company, draft, names, past, proposed, reasons, relation, sold

DESK, LAMP, MAT = (UUID(int=n) for n in (1, 2, 3))


def baskets(total=20, together=6, desks=10, lamps=8):
    return Baskets(total, {DESK: desks, LAMP: lamps}, {(DESK, LAMP): together})


def test_vector_by_hand():
    """Of 20 quotes 10 have desks, 8 lamps, 6 both.

    Confidence 6/10, lift 0.6 / (8/20) = 1.5. Wilson: the middle is 0.6 + 3.8416/20 = 0.79208, the
    spread 1.96 * sqrt(0.024 + 3.8416/400) = 0.35930; (0.79208 - 0.35930) / 1.38416 = 0.3127.
    """
    (rule,) = rules_of(baskets())
    assert (rule.given, rule.then, rule.together) == (DESK, LAMP, 6)
    assert (rule.confidence, rule.lift) == (Decimal("0.6"), Decimal("1.5"))
    assert rule.strength == Decimal("0.3127")


def test_nothing_is_learned_of_too_little():
    assert rules_of(baskets(total=19)) == []
    assert rules_of(baskets(together=4)) == []
    # 6 of 60: they met by chance, 0.1 / (12/120) = 1.
    assert rules_of(baskets(total=120, desks=60, lamps=12)) == []
    # Of 100 desks 6 had a lamp, which is too seldom.
    assert rules_of(baskets(total=500, desks=100, lamps=7)) == []
    assert rules_of(Baskets(0, {}, {})) == []


def test_many_times_are_surer_than_few():
    """5 of 5 is at least 0.5655, 45 of 50 at least 0.7864."""
    single = {DESK: 5, LAMP: 60, MAT: 50}
    found = rules_of(Baskets(200, single, {(DESK, LAMP): 5, (MAT, LAMP): 45}))
    assert [(rule.given, rule.strength) for rule in found] == [
        (MAT, Decimal("0.7864")),
        (DESK, Decimal("0.5655")),
    ]


async def test_what_was_offered_together_is_suggested(client, owner):
    """6 desks with lamps, 4 without, 2 lamps alone, and 8 mats: the vector above."""
    desk, lamp, mat = [await sold(client, name) for name in ("Desk", "Lamp", "Mat")]
    customer = await company(client)
    quotes = [*[[desk, lamp]] * 6, *[[desk]] * 4, *[[lamp]] * 2, *[[mat]] * 7]
    await past(client, owner, quotes)
    asked = {"products": [{"product_id": desk["id"]}]}
    found = await proposed(client, customer, **asked)
    assert (found["learned_from"]["quotes"], found["learned_from"]["is_enough"]) == (19, False)
    assert names(found) == {"good": ["Desk"]}
    assert {one["code"] for one in found["withheld"]} == {"same_draft"}
    await past(client, owner, [[mat]])
    found = await proposed(client, customer, **asked)
    assert (found["learned_from"]["quotes"], found["learned_from"]["is_enough"]) == (20, True)
    assert names(found) == {"good": ["Desk"], "better": ["Desk", "Lamp"]}
    line = draft(found, "better")["lines"][1]
    assert line["is_optional"]
    assert line["reason"] == {
        "kind": "affinity",
        "text": "In 60 % of the quotes with Desk it was offered, too.",
        "recipe_id": None,
        "need": None,
        "product_id": desk["id"],
        "quote_id": None,
        "order_id": None,
        "earliest": None,
        "together": 6,
        "confidence": "0.6",
        "lift": "1.5",
    }


async def test_drafts_and_other_organizations_teach_nothing(client, owner, other):
    desk, lamp = [await sold(client, name) for name in ("Desk", "Lamp")]
    body = {"currency": "EUR", "lines": [{"product_id": one["id"]} for one in (desk, lamp)]}
    for _ in range(3):
        await client.made("quotes", body)
    theirs = [await sold(other, "Desk")]
    await past(other, owner, [theirs])
    found = await proposed(client, await company(client), products=[{"product_id": desk["id"]}])
    assert found["learned_from"]["quotes"] == 0


async def test_catalogue_suggests_and_upgrades(client):
    """Better adds what goes with it, best takes what the catalogue would rather sell, and more."""
    desk, big, *rest = [
        await sold(client, name) for name in ("Desk", "Big desk", "Lamp", "Mat", "Bin", "Tray")
    ]
    await relation(client, desk, "up_sell", big, reason="Room for two")
    for place, one in enumerate(rest[:3]):
        await relation(client, desk, "cross_sell", one, position=place)
    await relation(client, big, "cross_sell", rest[3])
    found = await proposed(client, await company(client), products=[{"product_id": desk["id"]}])
    assert names(found)["good"] == ["Desk"]
    better, best = draft(found, "better"), draft(found, "best")
    assert list(reasons(better).values()) == ["asked_for", "cross_sell", "cross_sell"]
    assert reasons(best) == {"Big desk": "up_sell", "Tray": "cross_sell"}
    assert best["lines"][0]["reason"]["text"] == "Room for two"
    assert best["lines"][0]["reason"]["product_id"] == desk["id"]


async def test_an_upgrade_costs_nothing_that_was_asked_for(client):
    """The big desk does not go with the lamp, and the bigger one takes what is not sold."""
    desk, lamp, big, huge = [
        await sold(client, name) for name in ("Desk", "Lamp", "Big desk", "Huge desk")
    ]
    crane = await sold(client, "Crane", status="draft")
    await relation(client, desk, "up_sell", big)
    await relation(client, desk, "up_sell", huge)
    await relation(client, big, "excludes", lamp)
    await relation(client, huge, "requires", crane)
    asked = [{"product_id": one["id"]} for one in (desk, lamp)]
    found = await proposed(client, await company(client), products=asked)
    assert names(found) == {"good": ["Desk", "Lamp"]}
    found = await proposed(client, await company(client), products=asked[:1])
    assert names(found)["best"] == ["Big desk"]
