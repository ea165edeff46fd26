"""Deals that become several: nothing of what they may bring is lost, whoever splits at once."""

import asyncio
from collections import Counter
from decimal import Decimal
from uuid import uuid4

from support.clients import pointers, problem
from support.graph import camel
from support.members import custom_role, member, new_user
from support.selling import act, deal, known, pipeline


async def total(client, where):
    rows = (await client.read("deals", **{"filter[pipeline_id]": where.id}, limit=200))["data"]
    return sum(Decimal(row["amount"]) for row in rows), len(rows)


async def test_a_deal_becomes_several(client):
    where = await pipeline(client)
    owner, seller = await new_user(client), await new_user(client)
    splits = [{"user_id": seller, "percent": "100"}]
    made = await deal(client, where, amount="1000.01", splits=splits, tags=["large"])
    await act(client, made["id"], "move", stage_id=where["Offer"])
    await known(client, made, "champion", influence=3)
    parts = [
        {"name": "First floor", "amount": "300.005", "owner_id": owner},
        {"name": "Second floor", "amount": "200", "closes_on": "2031-06-30"},
    ]
    done = await act(client, made["id"], "split", 201, parts=parts)
    assert done["deal"]["amount"] == "500.005"
    assert done["deal"]["splits"][0]["amount"] == "500.005"
    first, second = done["parts"]
    assert (first["amount"], first["owner_id"]) == ("300.005", owner)
    assert (second["closes_on"], second["expected_amount"]) == ("2031-06-30", "80.00")
    for part in done["parts"]:
        assert (part["origin_id"], part["stage_id"]) == (made["id"], where["Offer"])
        assert (part["tags"], part["splits"][0]["user_id"]) == (["large"], seller)
        (move,) = (await client.read(f"deals/{part['id']}/moves"))["data"]
        assert (move["verb"], move["to_stage_id"]) == ("split", where["Offer"])
        (person,) = (await client.read(f"deals/{part['id']}/contacts"))["data"]
        assert (person["roles"], person["influence"]) == (["champion"], 3)
        assert part["stage_entered_at"] == done["deal"]["stage_entered_at"]
    assert await total(client, where) == (Decimal("1000.01"), 3)
    events = await client.told(made["id"], 3)
    split = next(event for event in events if event["type"] == "deal.split")
    assert split["data"]["parts"] == [first["id"], second["id"]]
    found = await client.read("deals", **{"filter[origin_id]": made["id"]})
    assert len(found["data"]) == 2


async def test_no_more_is_taken_than_there_is(client):
    where = await pipeline(client)
    made = await deal(client, where, amount="10")
    parts = [{"name": "A", "amount": "6"}, {"name": "B", "amount": "4.01"}]
    found = await act(client, made["id"], "split", 422, parts=parts)
    assert (pointers(found), found["errors"][0]["code"]) == (["/parts"], "too_much")
    assert "10.01" in found["detail"]
    wrong = [{"name": "A", "amount": "0"}, {"amount": "1"}]
    found = await act(client, made["id"], "split", 422, parts=wrong)
    assert sorted(pointers(found)) == ["/parts/0/amount", "/parts/1/name"]
    assert await total(client, where) == (Decimal(10), 1)
    plain = await deal(client, where)
    found = await act(client, plain["id"], "split", 422, parts=parts)
    assert found["errors"][0]["code"] == "no_amount"
    await act(client, made["id"], "win")
    found = await act(client, made["id"], "split", 409, parts=parts[:1])
    assert found["code"] == "illegal_transition"


async def test_of_many_splits_at_once_none_takes_the_same(client):
    where = await pipeline(client)
    made = await deal(client, where, amount="100")
    path = f"/v1/deals/{made['id']}/split"
    body = {"parts": [{"name": "Part", "amount": "20"}, {"name": "Part", "amount": "10"}]}
    answers = await asyncio.gather(*(client.post(path, json=body) for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 422: 5}
    assert await total(client, where) == (Decimal(100), 7)
    last = {"parts": [{"name": "Part", "amount": "5"}]}
    headers = {"Idempotency-Key": uuid4().hex}
    answers = [await client.post(path, json=last, headers=headers) for _ in range(2)]
    assert answers[0].status_code == 201
    assert answers[0].json() == answers[1].json()
    assert await total(client, where) == (Decimal(100), 8)
    dry = await client.post(path, json=last, params={"dry_run": True})
    assert dry.json()["deal"]["amount"] == "0.00"
    assert await total(client, where) == (Decimal(100), 8)


async def test_the_same_over_graphql(client):
    made = await deal(client, await pipeline(client), amount="10")
    document = (
        "mutation($id: UUID!, $parts: [DealPartInput!]!) { splitDeal(id: $id, parts: $parts) "
        "{ deal { amount } parts { name amount originId stage { name } } } }"
    )
    parts = [{"name": "A", "amount": "2.5"}]
    found = (await client.data(document, id=made["id"], parts=parts))["splitDeal"]
    assert found == {
        "deal": {"amount": "7.50"},
        "parts": [
            {
                "name": "A",
                "amount": "2.50",
                camel("origin_id"): made["id"],
                "stage": {"name": "New"},
            }
        ],
    }
    refused = await client.gql(document, id=made["id"], parts=[{"name": "A", "amount": "8"}])
    assert refused["errors"][0]["extensions"]["problem"]["errors"][0]["code"] == "too_much"


async def test_a_split_takes_the_right_to_create(client, keyed):
    where = await pipeline(client)
    made = await deal(client, where, amount="10")
    body = {"parts": [{"name": "A", "amount": "1"}]}
    path = f"/v1/deals/{made['id']}/split"
    reader = await keyed("deals:read")
    problem(await reader.post(path, json=body), 403)
    masks = {"deal": {"hidden": ["description"], "read_only": []}}
    await client.changed(f"deals/{made['id']}", {"description": "Told to some."})
    levels = {"*": {"read": "all", "create": "all", "update": "all"}}
    seller = await member(client, await custom_role(client, levels=levels, masks=masks))
    done = (await seller.api.post(path, json=body)).json()
    assert "Told to some." not in str(done)
    part = await client.read(f"deals/{done['parts'][0]['id']}")
    assert part["description"] == "Told to some."
    for mask in ({"hidden": ["amount"]}, {"read_only": ["amount"]}):
        masks = {"deal": {"hidden": [], "read_only": [], **mask}}
        other = await member(client, await custom_role(client, levels=levels, masks=masks))
        whole = {"parts": [{"name": "A", "amount": "1000"}]}
        found = problem(await other.api.post(path, json=whole), 403)
        assert pointers(found) == ["/amount"]
        assert "9.00" not in str(found)


async def test_what_is_there_once_stays_with_the_deal(client):
    for name, unique in (("number", True), ("kind", False)):
        body = {"target": "deal", "name": name, "type": "text", "unique": unique}
        await client.made("custom-fields", body)
    own = {"custom": {"number": "A-1", "kind": "Example"}, "promises": ["A shelf"]}
    made = await deal(client, await pipeline(client), amount="10", **own)
    done = await act(client, made["id"], "split", 201, parts=[{"name": "A", "amount": "1"}])
    assert (done["deal"]["custom"], done["deal"]["promises"]) == (own["custom"], own["promises"])
    (part,) = done["parts"]
    assert (part["custom"], part["promises"]) == ({"kind": "Example"}, [])
