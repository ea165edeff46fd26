"""Credit for deals: shares are the whole, to the smallest coin."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.deals.crediting import credited
from crm_api.kit.pricing.rounding import spread
from support.clients import pointers, problem
from support.members import new_user
from support.selling import deal, pipeline

UNKNOWN = "01990000-0000-7000-8000-0000000000ff"


@st.composite
def shares(draw):
    weights = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=12))
    return spread(Decimal(100), [Decimal(w) for w in weights], Decimal("0.000001"))


@given(
    shares(),
    st.lists(st.decimals("0.01", 100, places=2), max_size=3),
    st.decimals(0, 10**13, places=4),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_shares_add_up(percents, overlays, amount, currency):
    splits = [
        *({"user_id": UNKNOWN, "kind": "revenue", "percent": one} for one in percents),
        *({"user_id": UNKNOWN, "kind": "overlay", "percent": one} for one in overlays),
    ]
    found = credited(splits, amount, currency)
    own = [Decimal(one["amount"]) for one in found if one["kind"] == "revenue"]
    assert sum(own) == amount
    for part, percent in zip(own, percents, strict=True):
        assert abs(part - amount * percent / 100) < 1
    again = credited(found, amount, currency)
    assert again == found


async def test_splits_are_whole(client, owner):
    where = await pipeline(client)
    first, second = await new_user(client), await new_user(client)
    thirds = [
        {"user_id": first, "percent": "33.335"},
        {"user_id": second, "percent": "66.665"},
        {"user_id": first, "kind": "overlay", "percent": "50"},
    ]
    made = await deal(client, where, amount="100.01", splits=thirds)
    assert [one["amount"] for one in made["splits"]] == ["33.34", "66.67", "50.01"]
    path = f"/v1/deals/{made['id']}"
    now = await client.changed(f"deals/{made['id']}", {"amount": "10"})
    assert [one["amount"] for one in now["splits"]] == ["3.33", "6.67", "5.00"]
    short = [{**thirds[0], "percent": "33"}, {**thirds[1], "percent": "66"}]
    found = problem(await client.patch(path, json={"splits": short}), 422)
    assert pointers(found) == ["/splits"]
    assert "99 %" in found["detail"]
    twice = [{**thirds[0], "percent": "50"}, {**thirds[0], "percent": "50"}]
    found = problem(await client.patch(path, json={"splits": twice}), 422)
    assert pointers(found) == ["/splits/1/user_id"]
    unknown = [{"user_id": UNKNOWN, "percent": "100"}]
    found = problem(await client.patch(path, json={"splits": unknown}), 422)
    assert (pointers(found), found["errors"][0]["code"]) == (
        ["/splits/0/user_id"],
        "unknown_reference",
    )
    await owner.execute("UPDATE users SET status = 'suspended' WHERE id = $1", first)
    await client.changed(f"deals/{made['id']}", {"splits": thirds})
    other = await deal(client, where)
    answer = await client.patch(f"/v1/deals/{other['id']}", json={"splits": thirds})
    found = problem(answer, 422)
    assert [one["code"] for one in found["errors"]] == ["not_active", "not_active"]
    assert (await client.changed(f"deals/{made['id']}", {"splits": []}))["splits"] == []
