"""Contracts: of orders and by hand, renewed and ended, and what they bring for a month."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from crm_api.domains.deals.actions import DealActions
from crm_api.domains.deals.schemas import DealWin
from crm_api.domains.orders.contracts import ContractService
from crm_api.domains.orders.jobs import watch_contracts
from crm_api.domains.orders.renewing import move_on
from crm_api.domains.orders.revenue import Running, revenue
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from support.clients import pointers, problem
from support.members import custom_role, member
from support.ordering import accepted, act, order, win

LINES = [
    {"name": "Setup", "unit_price": "500"},
    {"name": "Support", "unit_price": "100", "interval": "month", "term": 12},
    {"name": "Licence", "unit_price": "600", "interval": "year", "term": 1, "quantity": "2"},
]


async def do(api, id, verb, status=200, **body):
    answer = await api.post(f"/v1/contracts/{id}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def contract(api, **more):
    """One that runs."""
    if "company_id" not in more:
        more["company_id"] = (await api.made("companies", {"name": "Example Industries"}))["id"]
    line = {"name": "Support", "unit_price": "100"}
    body = {"name": "Support", "currency": "EUR", "starts_on": "2026-01-01", "lines": [line]}
    made = await api.made("contracts", {**body, **more})
    answer = await api.post(f"/v1/contracts/{made['id']}/activate")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_recurs_in_an_order_becomes_a_contract(client):
    made = await order(client, lines=LINES, name="Office")
    path = f"/v1/orders/{made['id']}/contract"
    problem(await client.post(path), 409, "order_not_open")
    await act(client, made["id"], "confirm")
    body = {"starts_on": "2026-03-01", "notice_days": 30}
    answers = await asyncio.gather(*(client.post(path, json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    (found,) = (await client.read("contracts", **{"filter[order][name]": "Office"}))["data"]
    assert (found["status"], found["mrr"], found["arr"]) == ("draft", made["mrr"], "2400.00")
    assert (found["ends_on"], found["notice_by"]) == ("2027-02-28", "2027-01-29")
    document = "query($id: UUID!) { order(id: $id) { contracts { nodes { id } } } }"
    shown = (await client.data(document, id=made["id"]))["order"]["contracts"]["nodes"]
    assert shown == [{"id": found["id"]}]
    answer = await client.post(f"/v1/contracts/{found['id']}/activate")
    assert answer.json()["status"] == "active"
    answer = await client.patch(
        f"/v1/contracts/{found['id']}", json={"lines": [], "starts_on": "2026-04-01"}
    )
    assert pointers(problem(answer, 409, "contract_active")) == ["/lines", "/starts_on"]
    plain = await order(client)
    await act(client, plain["id"], "confirm")
    problem(await client.post(f"/v1/orders/{plain['id']}/contract"), 409, "nothing_recurs")


async def test_a_renewal_that_is_won_begins_the_next_term(client):
    made = await contract(client, term_months=12)
    path = f"/v1/contracts/{made['id']}/renew"
    answers = await asyncio.gather(*(client.post(path) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    (deal_id,) = {answer.json()["renewal_deal_id"] for answer in answers}
    deal = await client.read(f"deals/{deal_id}")
    assert (deal["amount"], deal["closes_on"]) == ("1200.00", "2026-12-31")
    line = {"name": "Support", "unit_price": "110", "interval": "month", "term": 12}
    of = {"company_id": made["company_id"], "deal_id": deal_id}
    await accepted(client, **of, lines=[line])
    won = await win(client, deal_id)
    again = await client.read(f"contracts/{made['id']}")
    assert (again["status"], again["ends_on"]) == ("renewed", "2026-12-31")
    (after,) = (await client.read("contracts", **{"filter[status]": "active"}))["data"]
    assert (after["previous_id"], after["order_id"]) == (made["id"], won["order_id"])
    assert (after["starts_on"], after["ends_on"]) == ("2027-01-01", "2027-12-31")
    found = await client.read("contracts/mrr", as_of="2027-06-01", since="2026-06-01")
    assert found["data"] == [
        {
            "currency": "EUR",
            "mrr": "110.00",
            "arr": "1320.00",
            "before": "100.00",
            "new": "0.00",
            "expansion": "10.00",
            "contraction": "0.00",
            "churn": "0.00",
            "customers": 1,
        }
    ]
    document = "query($day: Date!) { recurringRevenue(asOf: $day) { data { mrr churn } } }"
    same = (await client.data(document, day="2027-06-01"))["recurringRevenue"]["data"]
    assert same == [{"mrr": "110.00", "churn": None}]


async def test_a_renewal_that_somebody_does_not_see_is_no_reason_for_another(client):
    made = await contract(client, term_months=12)
    levels = {"contracts": {"read": "all", "update": "all"}}
    levels["deals"] = {"read": "own", "create": "all"}
    other = (await member(client, await custom_role(client, levels=levels))).api
    first = await do(client, made["id"], "renew")
    answer = await other.get(f"/v1/deals/{first['renewal_deal_id']}")
    assert answer.status_code == 404
    assert (await do(other, made["id"], "renew"))["version"] == first["version"]
    found = await client.read(f"contracts/{made['id']}")
    assert found["renewal_deal_id"] == first["renewal_deal_id"]
    assert len((await client.read("deals"))["data"]) == 1
    # One in the bin counts no more.
    await client.delete(f"/v1/deals/{first['renewal_deal_id']}")
    again = await do(client, made["id"], "renew")
    assert again["renewal_deal_id"] != first["renewal_deal_id"]


async def test_a_contract_is_cancelled_by_a_day(client):
    made = await contract(client, term_months=24)
    found = await do(client, made["id"], "cancel", 422, ends_on="2028-06-30")
    assert pointers(found) == ["/ends_on"]
    ended = await do(client, made["id"], "cancel", ends_on="2026-06-30", comment="Moved")
    assert (ended["status"], ended["ends_on"]) == ("cancelled", "2026-06-30")
    for day, mrr in (("2026-06-30", "100.00"), ("2026-07-01", "0.00")):
        assert (await client.read("contracts/mrr", as_of=day))["data"][0]["mrr"] == mrr
    assert (await do(client, made["id"], "renew", 409))["code"] == "illegal_transition"
    answer = await client.get(
        "/v1/contracts/mrr", params={"as_of": "2026-01-01", "since": "2027-01-01"}
    )
    problem(answer, 422)
    wrong = {"name": "A", "currency": "EUR", "starts_on": "2026-01-01", "auto_renew": True}
    assert pointers(problem(await client.post("/v1/contracts", json=wrong), 422)) == ["/auto_renew"]


async def test_renewals_are_told_ahead_and_terms_end_by_themselves(client, database):
    """One deal however many marks; what renews itself has its next term."""
    today = date.today()
    near = (today - timedelta(days=365 - 50)).isoformat()
    over = (today - timedelta(days=400)).isoformat()
    soon = await contract(client, term_months=12, starts_on=near)
    ended = await contract(client, term_months=12, starts_on=over)
    goes_on = await contract(client, term_months=12, starts_on=over, auto_renew=True)

    for _ in range(2):
        await watch_contracts(database, None)
    found = [await client.read(f"contracts/{one['id']}") for one in (soon, ended, goes_on)]
    assert [one["status"] for one in found] == ["active", "ended", "renewed"]
    first = found[0]
    assert (first["renewal_mark"], bool(first["renewal_deal_id"])) == (60, True)
    running = await client.read("contracts", **{"filter[status]": "active"})
    assert {one["previous_id"] for one in running["data"]} == {None, goes_on["id"]}
    events = [e["type"] for e in await client.told(first["id"], 4)]
    assert events.count("contract.renewal_due") == 1
    deals = await client.read("deals", **{"filter[source]": "renewal"})
    assert [one["id"] for one in deals["data"]] == [first["renewal_deal_id"]]


async def test_a_deal_that_is_open_renews_the_term_that_follows_by_itself(client, database):
    """Revenue goes on without a gap, and what is agreed anew follows."""
    over = (date.today() - timedelta(days=400)).isoformat()
    of = {"term_months": 12, "starts_on": over, "auto_renew": True}
    one, lost = await contract(client, **of), await contract(client, **of)
    deal_id = (await do(client, one["id"], "renew"))["renewal_deal_id"]
    other_id = (await do(client, lost["id"], "renew"))["renewal_deal_id"]
    await client.delete(f"/v1/deals/{other_id}")
    await watch_contracts(database, None)
    running = (await client.read("contracts", **{"filter[status]": "active"}))["data"]
    found = {each["previous_id"]: each for each in running}
    assert found[lost["id"]]["renewal_deal_id"] is None
    follows = found[one["id"]]
    assert (follows["renewal_deal_id"], follows["mrr"]) == (deal_id, "100.00")
    line = {"name": "Support", "unit_price": "110", "interval": "month", "term": 12}
    deal = {"company_id": one["company_id"], "deal_id": deal_id}
    won = await win(client, (await accepted(client, **deal, lines=[line]))["deal_id"])
    (after,) = (await client.read("contracts", **{"filter[order_id]": won["order_id"]}))["data"]
    assert (after["previous_id"], after["mrr"]) == (follows["id"], "110.00")
    for which, mrr in ((one, "200.00"), (follows, "200.00"), (after, "110.00")):
        (told,) = (await client.read("contracts/mrr", as_of=which["ends_on"]))["data"]
        assert told["mrr"] == mrr


@pytest.mark.parametrize("first", ["watcher", "win"])
async def test_a_win_and_the_next_term_at_once_are_one_chain(client, database, first):
    over = (date.today() - timedelta(days=400)).isoformat()
    one = await contract(client, term_months=12, starts_on=over, auto_renew=True)
    deal_id = (await do(client, one["id"], "renew"))["renewal_deal_id"]
    organization_id = UUID((await client.read("organization"))["id"])
    actor = Actor(organization_id, "system", scopes=frozenset({"*"}))

    async def renew():
        async with unit_of_work(Tx(database, actor)) as tx:
            contracts = ContractService(tx)
            found = await contracts.records.find(UUID(one["id"]), lock=True)
            await move_on(contracts, found, date.today())
            yield tx

    async def won():
        async with unit_of_work(Tx(database, actor)) as tx:
            await DealActions(tx).win(UUID(deal_id), DealWin())
            yield tx

    async def whole(steps):
        async for _ in steps:
            pass

    before, after = (renew(), won()) if first == "watcher" else (won(), renew())
    tx = await anext(before)
    await tx.flush()
    other = asyncio.create_task(whole(after))
    await asyncio.sleep(0.5)
    assert not other.done()
    await whole(before)
    await other
    chain = (await client.read("contracts", sort="starts_on"))["data"]
    assert [each["previous_id"] for each in chain] == [None, *(each["id"] for each in chain[:-1])]
    assert [each["status"] for each in chain[:-1]] == ["renewed"] * (len(chain) - 1)
    assert len(chain) == (3 if first == "watcher" else 2)
    assert chain[-1]["status"] == "active"
    assert chain[-1]["renewal_deal_id"] is None


async def test_what_one_contract_alone_may_have_is_not_handed_to_its_next_term(client, database):
    for name, unique in (("number", True), ("kind", False)):
        body = {"target": "contract", "name": name, "type": "text", "unique": unique}
        await client.made("custom-fields", body)
    custom = {"number": "A-1", "kind": "Example"}
    over = (date.today() - timedelta(days=400)).isoformat()
    one = await contract(client, term_months=12, starts_on=over, auto_renew=True, custom=custom)
    await watch_contracts(database, None)
    assert (await client.read(f"contracts/{one['id']}"))["custom"] == custom
    (after,) = (await client.read("contracts", **{"filter[status]": "active"}))["data"]
    assert (after["previous_id"], after["custom"]) == (one["id"], {"kind": "Example"})


async def test_a_renewal_brings_its_currency_and_its_term(client, database):
    """Also one that is won when the term is over."""
    over = (date.today() - timedelta(days=400)).isoformat()
    made = await contract(client, term_months=12, starts_on=over)
    answer = await client.post(f"/v1/contracts/{made['id']}/renew")
    deal_id = answer.json()["renewal_deal_id"]
    await watch_contracts(database, None)
    assert (await client.read(f"contracts/{made['id']}"))["status"] == "ended"
    line = {"name": "Support", "unit_price": "70", "interval": "month", "term": 24}
    of = {"company_id": made["company_id"], "deal_id": deal_id, "currency": "USD"}
    await accepted(client, **of, lines=[line])
    await win(client, deal_id)
    assert (await client.read(f"contracts/{made['id']}"))["status"] == "renewed"
    (after,) = (await client.read("contracts", **{"filter[status]": "active"}))["data"]
    assert (after["currency"], after["mrr"], after["term_months"]) == ("USD", "70.00", 24)
    ended = date.fromisoformat(made["ends_on"])
    assert date.fromisoformat(after["starts_on"]) == ended + timedelta(days=1)


async def test_of_several_contracts_what_is_renewed_goes_on_once(client):
    one = await contract(client, term_months=6)
    deal_id = (await client.post(f"/v1/contracts/{one['id']}/renew")).json()["renewal_deal_id"]
    of = {"company_id": one["company_id"]}
    other = await contract(client, **of, term_months=12, renewal_deal_id=deal_id)
    line = {"name": "Support", "unit_price": "150", "interval": "month", "term": 12}
    await accepted(client, **of, deal_id=deal_id, lines=[line])
    await win(client, deal_id)
    (after,) = (await client.read("contracts", **{"filter[status]": "active"}))["data"]
    assert (after["previous_id"], after["starts_on"]) == (other["id"], "2027-01-01")
    assert (await client.read(f"contracts/{one['id']}"))["status"] == "renewed"
    found = await client.read("contracts/mrr", as_of="2027-06-01")
    assert [one["mrr"] for one in found["data"]] == ["150.00"]


async def test_what_never_began_is_no_revenue(client):
    company = await client.made("companies", {"name": "Example Industries"})
    line = {"name": "Support", "unit_price": "100"}
    body = {"name": "Support", "currency": "EUR", "starts_on": "2026-01-01", "lines": [line]}
    draft = await client.made("contracts", {**body, "company_id": company["id"]})
    await do(client, draft["id"], "cancel", ends_on="2026-12-31")
    assert (await client.read("contracts/mrr", as_of="2026-06-01"))["data"] == []


async def test_lines_that_are_written_back_fall_due_as_they_were_agreed(client):
    """Of three for ten one costs 3.33, and all of them still ten."""
    lines = [{"name": "Seat", "unit_price": "10", "interval": "month", "quantity": "3"}]
    made = await order(client, lines=lines)
    await act(client, made["id"], "confirm")
    body = {"order_id": made["id"], "name": "Cheaper"}
    less = {"action": "change", "line_id": made["lines"][0]["id"], "unit_price": "3.3333"}
    request = await client.made("change-requests", {**body, "changes": [less]})
    for verb in ("submit", "apply"):
        answer = await client.post(f"/v1/change-requests/{request['id']}/{verb}")
        assert answer.status_code == 200, answer.text
    found = (await client.post(f"/v1/orders/{made['id']}/contract")).json()
    own = [{n: v for n, v in line.items() if n != "net"} for line in found["lines"]]
    for _ in range(2):
        after = await client.changed(f"contracts/{found['id']}", {"lines": own})
        assert (after["lines"], after["mrr"]) == (found["lines"], "10.00")
        await client.post(f"/v1/contracts/{found['id']}/activate")


async def test_a_draft_in_another_currency_is_rounded_by_it(client):
    line = {"name": "Support", "unit_price": "10.4", "quantity": "3"}
    body = {"name": "Support", "currency": "EUR", "starts_on": "2026-01-01", "lines": [line]}
    made = await client.made("contracts", body)
    after = await client.changed(f"contracts/{made['id']}", {"currency": "JPY"})
    assert (made["lines"][0]["net"], after["lines"][0]["net"]) == ("31.20", "31.00")
    late = {"starts_on": "2199-01-01", "term_months": 24}
    answer = await client.patch(f"/v1/contracts/{made['id']}", json=late)
    assert pointers(problem(answer, 422)) == ["/term_months"]


async def test_what_deals_must_have_does_not_keep_renewals_from_being_told(client, database):
    field = {"target": "deal", "name": "fit", "type": "text", "required": True}
    await client.made("custom-fields", field)
    today = date.today()
    near = (today - timedelta(days=365 - 50)).isoformat()
    made = await contract(client, term_months=12, starts_on=near)
    await watch_contracts(database, None)
    found = await client.read(f"contracts/{made['id']}")
    assert (found["renewal_mark"], bool(found["renewal_deal_id"])) == (60, True)


_DAYS = some.dates(date(2026, 1, 1), date(2026, 12, 31))
_CENTS = some.integers(0, 10_000_000).map(lambda cents: Decimal(cents) / 100)
_RUNNING = some.builds(
    Running,
    some.integers(1, 5),
    some.sampled_from(["EUR", "USD"]),
    _CENTS,
    _DAYS,
    some.none() | _DAYS,
)


@given(some.lists(_RUNNING, max_size=20), _DAYS, _DAYS)
def test_the_parts_of_revenue_add_up(running, one, other):
    since, as_of = sorted((one, other))
    for found in revenue(running, as_of, since):
        part = {name: Decimal(found[name]) for name in ("before", "new", "expansion")}
        less = {name: Decimal(found[name]) for name in ("contraction", "churn")}
        assert sum(part.values()) - sum(less.values()) == Decimal(found["mrr"])
        assert min(*part.values(), *less.values()) >= 0
        own = [one for one in running if one.currency == found["currency"]]
        assert sum(one.on(as_of) for one in own) == Decimal(found["mrr"])
        assert sum(one.on(since) for one in own) == part["before"]
