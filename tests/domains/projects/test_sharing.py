"""Shares of the revenue of projects: what they come to, and what they keep from happening."""

from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.projects.importer import ProjectImporter
from crm_api.domains.projects.sharing import share_due
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem, tx_of


async def shared(api, *shares, revenue="1000.00"):
    """A project with a milestone for each share of its revenue."""
    made = await api.made("projects", {"name": "Office", "currency": "EUR", "revenue": revenue})
    of = {"project_id": made["id"], "kind": "milestone"}
    bodies = [{**of, "name": f"At {share} %", "billing_percent": share} for share in shares]
    return made, [await api.made("project-tasks", body) for body in bodies]


async def accept(api, mark):
    return await api.post(f"/v1/project-tasks/{mark['id']}/accept")


async def test_what_is_due_is_billed_before_a_project_goes(client, database, org):
    made, (mark,) = await shared(client, "50")
    assert (await accept(client, mark)).status_code == 200
    path = f"/v1/projects/{made['id']}"
    for query in ("", "?purge=true"):
        found = problem(await client.delete(path + query), 409, "open_billing")
        assert found["errors"][0]["message"] == "At 50 %: due, and not billed."
    id = UUID(made["id"])
    async with unit_of_work(tx_of(database, org)) as tx:
        assert await ProjectImporter().in_use(tx, "project", [id]) == {id}
    answer = await client.post(f"/v1/project-tasks/{mark['id']}/bill", json={"reference": "7"})
    assert answer.status_code == 200, answer.text
    assert (await client.delete(path)).status_code == 204


async def test_shares_come_to_a_revenue_that_changed_between_them(client):
    made, (one, two) = await shared(client, "50", "50")
    assert (await accept(client, one)).json()["billing_amount"] == "500.00"
    await client.changed(f"projects/{made['id']}", {"revenue": "499.99"})
    found = problem(await accept(client, two), 409, "blocked_transition")
    assert [(one["code"], one["pointer"]) for one in found["errors"]] == [
        ("more_than_revenue", "/billing_percent")
    ]
    assert "0.01 EUR more" in found["errors"][0]["message"]
    await client.changed(f"projects/{made['id']}", {"revenue": "2000.00"})
    assert (await accept(client, two)).json()["billing_amount"] == "1500.00"
    assert (await client.read(f"project-tasks/{one['id']}"))["billing_amount"] == "500.00"


@st.composite
def courses(draw):
    """Shares that are 100 % together in some order, and what the revenue is at each try."""
    cuts = draw(st.lists(st.integers(1, 99_999_999), unique=True, max_size=6))
    edges = [0, *sorted(cuts), 100_000_000]
    shares = [Decimal(b - a).scaleb(-6) for a, b in pairwise(edges)]
    revenues = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=12)
    return draw(st.permutations(shares)), draw(revenues)


@given(courses(), st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3)]))
def test_all_shares_come_to_the_revenue_of_the_last_one(course, currency):
    """Whatever the order of acceptances and changes; one that is refused is tried again."""
    (shares, revenues), (code, digits) = course, currency
    rows: list[dict[str, Any]] = []
    tries = iter(revenues)
    revenue = Decimal(0)
    while len(rows) < len(shares):
        # In the end it grows until there is enough of it.
        revenue = Decimal(next(tries, (int(revenue) + 1) * 1000)).scaleb(-digits)
        amount = share_due(revenue, code, shares[len(rows)], rows)
        if amount >= 0:
            one = {"billing_due_at": True, "billing_percent": shares[len(rows)]}
            rows.append({**one, "billing_amount": amount})
    assert sum(row["billing_amount"] for row in rows) == revenue
