"""Lists of leads: who is on them, and how they are frozen and split."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import uuid4

from support.clients import pointers, problem
from support.leads import captured
from support.members import custom_role, member


async def list_of(client, leads=(), **more):
    made = await client.made("prospect-lists", {"name": "Trade fair", **more})
    if leads:
        await added(client, made, lead_ids=[lead["id"] for lead in leads])
    return made


async def added(client, to, status=200, **body):
    answer = await client.post(f"/v1/prospect-lists/{to['id']}/members", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def members(client, of):
    return (await client.read(f"prospect-lists/{of['id']}/members", limit=200))["data"]


async def done(client, of, verb, status=200, **body):
    answer = await client.post(f"/v1/prospect-lists/{of['id']}/{verb}", json=body or None)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_leads_are_added_by_ids_and_by_a_filter_once(client):
    one = await list_of(client)
    banks = await captured(client, 3, industry="bank")
    shops = await captured(client, 2, industry="shop")
    ids = [lead["id"] for lead in (*banks[:2], banks[0])]
    told = await added(client, one, lead_ids=ids)
    assert told == {"changed": 2, "member_count": 2, "more": False, "next_cursor": None}
    told = await added(client, one, filter={"industry": {"eq": "bank"}})
    assert (told["changed"], told["member_count"]) == (1, 3)
    told = await added(client, one, filter={})
    assert (told["changed"], told["member_count"]) == (2, 5)
    found = await members(client, one)
    assert {m["lead_id"] for m in found} == {lead["id"] for lead in (*banks, *shops)}
    assert {m["status"] for m in found} == {"listed"}
    assert await client.read(f"prospect-members/{found[0]['id']}") == found[0]
    told = await done(client, one, "remove", lead_ids=ids)
    assert (told["changed"], told["member_count"]) == (2, 3)
    # Who was taken off can come again.
    assert (await added(client, one, lead_ids=ids))["changed"] == 2
    assert (await client.read(f"prospect-lists/{one['id']}"))["member_count"] == 5


async def test_what_is_added_is_there(client, other):
    one = await list_of(client)
    (lead,) = await captured(client, 1)
    (foreign,) = await captured(other, 1)
    url = f"/v1/prospect-lists/{one['id']}/members"
    for body, wrong in (
        ({"lead_ids": [lead["id"], foreign["id"]]}, ["/lead_ids/1"]),
        ({"filter": {"shoe": {"eq": 1}}}, ["/filter/shoe"]),
        ({"contact_filter": {"shoe": {"eq": 1}}}, ["/contact_filter/shoe"]),
        ({"segment_id": str(uuid4())}, ["/segment_id"]),
        ({"form_id": str(uuid4())}, ["/form_id"]),
    ):
        assert pointers(problem(await client.post(url, json=body), 422)) == wrong
    for body in ({}, {"lead_ids": []}, {"filter": {}, "lead_ids": [lead["id"]]}, {"cursor": "x"}):
        problem(await client.post(url, json=body), 422)
    problem(await other.post(url, json={"filter": {}}), 404)
    assert (await client.read(f"prospect-lists/{one['id']}"))["member_count"] == 0


async def test_contacts_become_leads_or_are_the_open_one_they_have(client):
    one = await list_of(client)
    company = await client.made("companies", {"name": "Example Industries"})
    mail = f"{uuid4().hex}@example.com"
    known = await client.made("leads", {"last_name": "Known", "email": mail})
    await client.made("contacts", {"last_name": "Known", "email": mail, "tags": ["fair"]})
    new = {"last_name": "New", "email": f"{uuid4().hex}@example.com", "tags": ["fair"]}
    contact = await client.made("contacts", {**new, "company_id": company["id"]})
    await client.made("contacts", {"last_name": "Elsewhere"})
    wanted = {"tags": {"has": "fair"}}
    told = await added(client, one, contact_filter=wanted)
    assert (told["changed"], told["more"]) == (2, False)
    found = {m["lead_id"] for m in await members(client, one)}
    assert known["id"] in found
    (made,) = found - {known["id"]}
    lead = await client.read(f"leads/{made}")
    assert (lead["email"], lead["company_name"]) == (new["email"], "Example Industries")
    assert lead["matched_contact_id"] == contact["id"]
    assert (await added(client, one, contact_filter=wanted))["changed"] == 0
    assert len((await client.read("leads"))["data"]) == 2


async def test_a_list_is_filled_from_a_segment(client):
    one = await list_of(client)
    segment = await client.made("segments", {"name": "Guests", "kind": "static"})
    guest = await client.made("contacts", {"last_name": "Guest", "email": "guest@example.com"})
    await client.made("contacts", {"last_name": "Elsewhere"})
    path = f"/v1/segments/{segment['id']}/members"
    assert (await client.post(path, json={"add": [guest["id"]]})).status_code == 200
    told = await added(client, one, segment_id=segment["id"])
    assert (told["changed"], told["more"]) == (1, False)
    (member,) = await members(client, one)
    assert (await client.read(f"leads/{member['lead_id']}"))["last_name"] == "Guest"
    of_companies = {"name": "Banks", "target": "company", "filter": {"industry": "bank"}}
    other = await client.made("segments", of_companies)
    url = f"/v1/prospect-lists/{one['id']}/members"
    answer = await client.post(url, json={"segment_id": other["id"]})
    assert pointers(problem(answer, 422)) == ["/segment_id"]


async def test_of_many_who_add_the_same_at_once_each_lead_is_on_it_once(client):
    one = await list_of(client)
    leads = await captured(client, 20)
    ids = [lead["id"] for lead in leads]
    parts = [ids[n : n + 10] for n in range(0, 11, 2)]
    told = await asyncio.gather(*(added(client, one, lead_ids=part) for part in parts * 3))
    assert sum(one["changed"] for one in told) == 20
    found = await members(client, one)
    assert Counter(m["lead_id"] for m in found) == dict.fromkeys(ids, 1)
    assert (await client.read(f"prospect-lists/{one['id']}"))["member_count"] == 20


async def test_of_a_frozen_list_the_members_stay(client):
    leads = await captured(client, 2)
    one = await list_of(client, leads[:1])
    frozen = await done(client, one, "freeze")
    assert (frozen["status"], frozen["frozen_at"] is not None) == ("frozen", True)
    url = f"/v1/prospect-lists/{one['id']}"
    body: dict[str, Any] = {"lead_ids": [leads[1]["id"]]}
    problem(await client.post(f"{url}/members", json=body), 409, "list_frozen")
    problem(await client.post(f"{url}/remove", json=body), 409, "list_frozen")
    assert (await done(client, one, "reopen"))["status"] == "open"
    assert (await added(client, one, **body))["member_count"] == 2


async def parts_of(client, whole, **how):
    made = (await done(client, whole, "split", 201, **how))["data"]
    return [(part, {m["lead_id"] for m in await members(client, part)}) for part in made]


async def test_parts_have_each_member_once_and_share_the_cost(client):
    leads = await captured(client, 10)
    whole = await list_of(
        client, leads, cost="100.00", currency="EUR", consent_basis="consent", origin="Fair"
    )
    parts = await parts_of(client, whole, by="share", shares=[2, 1, 1])
    assert sorted(len(ids) for _, ids in parts) == [2, 3, 5]
    assert set.union(*(ids for _, ids in parts)) == {lead["id"] for lead in leads}
    assert sum(Decimal(part["cost"]) for part, _ in parts) == 100
    first = parts[0][0]
    assert (first["parent_id"], first["part"], first["status"]) == (whole["id"], "1", "frozen")
    assert (first["name"], first["consent_basis"], first["currency"]) == (
        *("Trade fair · 1", "consent"),
        "EUR",
    )
    assert first["member_count"] == len(parts[0][1])
    assert (await client.read(f"prospect-lists/{whole['id']}"))["status"] == "split"
    for verb, body in (
        ("split", {"by": "count", "count": 2}),
        ("distribute", {"pool_id": str(uuid4())}),
        ("freeze", None),
        ("reopen", None),
        ("members", {"filter": {}}),
    ):
        answer = await client.post(f"/v1/prospect-lists/{whole['id']}/{verb}", json=body)
        problem(answer, 409, "list_split")


async def test_parts_by_score_are_as_good_as_each_other(client):
    leads = [(await captured(client, 1, fit_score=score))[0] for score in range(0, 60, 3)]
    parts = await parts_of(client, await list_of(client, leads), by="score", shares=[1, 1])
    scores = {lead["id"]: lead["score"] for lead in leads}
    sums = [sum(scores[id] for id in ids) for _, ids in parts]
    assert [len(ids) for _, ids in parts] == [10, 10]
    assert abs(sums[0] - sums[1]) <= 3 * 10


async def test_parts_by_number_and_by_value(client):
    leads = [
        *await captured(client, 3, postal_code="80331", country="DE"),
        *await captured(client, 2, postal_code="10115", country="DE"),
        *await captured(client, 2, country="AT"),
    ]
    parts = await parts_of(client, await list_of(client, leads), by="count", count=3)
    assert [len(ids) for _, ids in parts] == [3, 3, 1]
    parts = await parts_of(client, await list_of(client, leads), by="count", counts=[4, 1])
    assert [(part["part"], len(ids)) for part, ids in parts] == [("1", 4), ("2", 1), ("3", 2)]
    parts = await parts_of(client, await list_of(client, leads), by="field", field="country")
    assert [(part["part"], len(ids)) for part, ids in parts] == [("at", 2), ("de", 5)]
    how = {"by": "field", "field": "postal_code", "prefix": 2}
    parts = await parts_of(client, await list_of(client, leads), **how)
    assert [(part["part"], len(ids)) for part, ids in parts] == [("-", 2), ("10", 2), ("80", 3)]


async def test_no_list_is_split_by_a_hidden_field(client):
    whole = await list_of(client, await captured(client, 2, country="DE"))
    levels = {"*": dict.fromkeys(("read", "create", "update"), "all")}
    masks = {"lead": {"hidden": ["country", "score"], "read_only": []}}
    one = await member(client, await custom_role(client, levels=levels, masks=masks))
    url = f"/v1/prospect-lists/{whole['id']}/split"
    for how in ({"by": "field", "field": "country"}, {"by": "score", "shares": [1, 1]}):
        problem(await one.api.post(url, json=how), 403, "hidden_field")
    answer = await one.api.post(url, json={"by": "field", "field": "industry"})
    assert answer.status_code == 201, answer.text


async def test_what_cannot_be_split(client):
    empty = await list_of(client)
    url = f"/v1/prospect-lists/{empty['id']}/split"
    problem(await client.post(url, json={"by": "count", "count": 2}), 409, "list_empty")
    for body in (
        {"by": "share"},
        {"by": "share", "shares": [1]},
        {"by": "count", "count": 2, "field": "country"},
        {"by": "count", "count": 2, "counts": [1]},
        {"by": "share", "counts": [1]},
        {"by": "field", "field": "email"},
    ):
        problem(await client.post(url, json=body), 422)
    many = await list_of(client, await captured(client, 101))
    answer = await client.post(
        f"/v1/prospect-lists/{many['id']}/split", json={"by": "count", "count": 1}
    )
    problem(answer, 409, "too_many_parts")


async def test_a_cost_has_a_currency(client):
    answer = await client.post("/v1/prospect-lists", json={"name": "Fair", "cost": "5.00"})
    assert pointers(problem(answer, 422)) == ["/currency"]


async def test_a_list_goes_with_its_places_and_without_its_leads(client):
    leads = await captured(client, 2)
    one = await list_of(client, leads)
    (first, _) = await members(client, one)
    answer = await client.delete(f"/v1/prospect-lists/{one['id']}", params={"purge": "true"})
    assert answer.status_code == 204, answer.text
    assert (await client.get(f"/v1/prospect-members/{first['id']}")).status_code == 404
    assert len((await client.read("leads"))["data"]) == 2


async def test_lists_are_the_same_over_graphql(client):
    leads = await captured(client, 4)
    made = await client.data(
        'mutation { createProspectList(input: {name: "Fair", cost: "9.00", currency: "EUR"}) '
        "{ id status cost } }"
    )
    one = made["createProspectList"]
    assert (one["status"], one["cost"]) == ("open", "9.00")
    ids = [lead["id"] for lead in leads]
    told = await client.data(
        "mutation($i: UUID!, $l: [UUID!]) { addProspects(id: $i, input: {leadIds: $l}) "
        "{ changed memberCount } }",
        i=one["id"],
        l=ids,
    )
    assert told["addProspects"] == {"changed": 4, "memberCount": 4}
    told = await client.data(
        "mutation($i: UUID!, $l: [UUID!]!) { removeProspects(id: $i, input: {leadIds: $l}) "
        "{ changed } }",
        i=one["id"],
        l=ids[:1],
    )
    assert told["removeProspects"] == {"changed": 1}
    document = "mutation($i: UUID!) { freezeProspectList(id: $i) { status } }"
    assert (await client.data(document, i=one["id"]))["freezeProspectList"]["status"] == "frozen"
    found = await client.data(
        'mutation($i: UUID!) { splitProspectList(id: $i, input: {by: "count", count: 2}) '
        "{ data { part memberCount parentId } } }",
        i=one["id"],
    )
    assert found["splitProspectList"]["data"] == [
        {"part": "1", "memberCount": 2, "parentId": one["id"]},
        {"part": "2", "memberCount": 1, "parentId": one["id"]},
    ]
