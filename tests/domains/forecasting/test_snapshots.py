"""Snapshots: one of each deal and day, by the rates of that day."""

import asyncio
from datetime import UTC, datetime

from crm_api.domains.forecasting.jobs import take_snapshots
from support.clients import problem
from support.members import custom_role, member
from support.selling import act, deal, pipeline


def today():
    return datetime.now(UTC).date().isoformat()


async def test_a_day_is_taken_once(client):
    where = await pipeline(client)
    made = await deal(client, where, "Offer", amount="100", closes_on="2031-01-31")
    first = (await client.post("/v1/deal-snapshots")).json()
    assert (first["day"], first["deals"], first["added"]) == (today(), 1, 1)
    await act(client, made["id"], "move", stage_id=where["Terms"])
    later = await deal(client, where, amount="7")
    again = (await client.post("/v1/deal-snapshots")).json()
    assert (again["deals"], again["added"], again["taken_at"]) == (2, 1, first["taken_at"])
    found = {one["deal_id"]: one for one in (await client.read("deal-snapshots"))["data"]}
    assert found.keys() == {made["id"], later["id"]}
    names = ("stage_id", "status", "amount", "currency", "base_amount", "closes_on", "probability")
    wanted = [where["Offer"], "open", "100.00", "EUR", "100.00", "2031-01-31", 40]
    assert [found[made["id"]][name] for name in names] == wanted


async def test_parallel_takings_leave_one_of_each(client, owner, org):
    where = await pipeline(client)
    for _ in range(5):
        await deal(client, where)
    answers = await asyncio.gather(*(client.post("/v1/deal-snapshots") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["added"] for answer in answers) == 5
    rows = await owner.fetch("SELECT 1 FROM deal_snapshots WHERE organization_id = $1", org.id)
    assert len(rows) == 5


async def test_open_amounts_go_by_the_rate_of_the_day(client):
    where = await pipeline(client)
    await deal(client, where, amount="100", currency="USD")
    won = await deal(client, where, amount="9", currency="XOF")
    await act(client, won["id"], "win")
    rate = {"base": "USD", "quote": "EUR", "day": today(), "rate": "0.91237"}
    await client.put("/v1/exchange-rates", json={"rates": [rate]})
    await client.post("/v1/deal-snapshots")
    found = (await client.read("deal-snapshots"))["data"]
    amounts = {one["currency"]: one["base_amount"] for one in found}
    assert amounts == {"USD": "91.24", "XOF": None}


async def test_the_chore_takes_each_organization_once_a_day(world, client, org, database, owner):
    other = await world.org(time_zone="Pacific/Kiritimati")
    far = await world.client(other)
    for api in (client, far):
        await deal(api, await pipeline(api))
    for _ in range(2):
        await take_snapshots(database, None)
    rows = await owner.fetch(
        "SELECT organization_id, day, deals FROM deal_snapshot_days WHERE organization_id = ANY($1)",
        [org.id, other.id],
    )
    zones = {org.id: "UTC", other.id: "Pacific/Kiritimati"}
    found = await owner.fetch(
        "SELECT id, (now() AT TIME ZONE time_zone)::date AS day FROM organizations "
        "WHERE id = ANY($1)",
        list(zones),
    )
    days = {row["id"]: row["day"] for row in found}
    assert {(r["organization_id"], r["day"], r["deals"]) for r in rows} == {
        (id, day, 1) for id, day in days.items()
    }


async def test_pages_of_a_deal_and_of_a_day(client):
    where = await pipeline(client)
    made = [await deal(client, where) for _ in range(5)]
    await client.post("/v1/deal-snapshots")
    ids, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await client.read("deal-snapshots", **params)
        ids += [one["deal_id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ids == sorted(one["id"] for one in made)
    (one,) = (await client.read("deal-snapshots", deal_id=made[0]["id"]))["data"]
    assert one["day"] == today()
    answer = await client.get("/v1/deal-snapshots", params={"cursor": cursor or "x"})
    problem(answer, 422)


async def test_what_is_purged_has_no_past(client, owner, org):
    where = await pipeline(client)
    made, kept = await deal(client, where), await deal(client, where)
    await client.post("/v1/deal-snapshots")
    await client.delete(f"/v1/deals/{made['id']}")
    gone = await client.delete(f"/v1/deals/{made['id']}", params={"purge": "true"})
    assert gone.status_code == 204
    rows = await owner.fetch(
        "SELECT deal_id FROM deal_snapshots WHERE organization_id = $1", org.id
    )
    assert [str(row["deal_id"]) for row in rows] == [kept["id"]]


async def test_snapshots_show_what_deals_do(client):
    where = await pipeline(client)
    levels = {"deals": dict.fromkeys(("read", "create", "update", "delete"), "own")}
    masks = {"deal": {"hidden": ["amount"], "read_only": []}}
    seller = await member(client, await custom_role(client, levels=levels, masks=masks))
    await deal(client, where, amount="100")
    own = await deal(seller.api, where, closes_on="2031-01-31")
    await client.post("/v1/deal-snapshots")
    (found,) = (await seller.api.read("deal-snapshots"))["data"]
    assert (found["deal_id"], found["amount"], found["closes_on"]) == (
        own["id"],
        None,
        "2031-01-31",
    )
    problem(await seller.api.post("/v1/deal-snapshots"), 403, "missing_right")


async def test_the_same_over_graphql(client):
    where = await pipeline(client)
    await deal(client, where, amount="5")
    document = "mutation { takeDealSnapshots { day deals added } }"
    found = (await client.data(document))["takeDealSnapshots"]
    assert found == {"day": today(), "deals": 1, "added": 1}
    document = "{ dealSnapshots { data { day amount status } nextCursor } }"
    found = (await client.data(document))["dealSnapshots"]
    assert found["data"] == [{"day": today(), "amount": "5.00", "status": "open"}]
