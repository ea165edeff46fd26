"""Members of a segment are proposed to before there are deals, each by their own prices."""

import asyncio

from support.clients import pointers, problem
from support.members import custom_role, member
from support.proposing import company, sold

PRICED = {"currency": "EUR"}


async def segment(api, *ids, target="company"):
    body = {"name": "Partners", "target": target, "kind": "static"}
    made = await api.made("segments", body)
    answer = await api.post(f"/v1/segments/{made['id']}/members", json={"add": list(ids)})
    assert answer.status_code == 200, answer.text
    return made["id"]


async def list_for(api, product, segment_id, price):
    body = {"name": "Partners", "currency": "EUR", "audience": "segment"}
    made = await api.made("price-lists", {**body, "audience_key": segment_id})
    rule = {"price_list_id": made["id"], "product_id": product["id"], "unit_price": price}
    await api.made("price-rules", rule)
    answer = await api.post(f"/v1/price-lists/{made['id']}/activate", json={})
    assert answer.status_code == 200, answer.text


async def proposed(api, id, status=200, **more):
    params = {name: more.pop(name) for name in ("commit", "limit", "cursor") if name in more}
    answer = await api.post(f"/v1/segments/{id}/proposals", json=more, params=params)
    assert answer.status_code == status, answer.text
    return answer.json()


def nets(page):
    return {
        one["record_id"]: one["proposals"]["drafts"][0]["calculation"]["net"]
        for one in page["data"]
    }


async def quotes(api):
    return (await api.read("quotes", limit=100))["data"]


async def test_members_have_the_prices_of_their_segment_everywhere(client):
    """100 by the catalogue, 80 for members: proposed, quoted and resolved alike, until they leave."""
    desk, inside, outside = (
        await sold(client, "Desk"),
        await company(client),
        await company(client),
    )
    id = await segment(client, inside["id"])
    await list_for(client, desk, id, "80")
    lines = [{"product_id": desk["id"]}]

    async def prices(of):
        body = {"company_id": of["id"], "lines": lines, **PRICED}
        found = []
        for path in ("pricing/resolve", "quotes/calculate"):
            answer = await client.post(f"/v1/{path}", json=body)
            assert answer.status_code == 200, answer.text
            found.append(answer.json()["lines"][0]["net"])
        path = f"/v1/companies/{of['id']}/proposals"
        answer = await client.post(path, json={"products": lines, **PRICED})
        return [*found, answer.json()["drafts"][0]["calculation"]["net"]]

    assert await prices(inside) == ["80.00"] * 3
    assert await prices(outside) == ["100.00"] * 3
    body = {"remove": [inside["id"]]}
    assert (await client.post(f"/v1/segments/{id}/members", json=body)).status_code == 200
    assert await prices(inside) == ["100.00"] * 3
    await client.post(f"/v1/segments/{id}/members", json={"add": [inside["id"]]})
    assert await prices(inside) == ["80.00"] * 3
    assert (await client.post("/v1/modules/segments/disable?cascade=true")).status_code == 200
    assert await prices(inside) == ["100.00"] * 3


async def test_contacts_have_the_prices_of_their_segments(client):
    desk = await sold(client, "Desk")
    person = await client.made("contacts", {"last_name": "Person"})
    id = await segment(client, person["id"], target="contact")
    await list_for(client, desk, id, "80")
    asked = {"products": [{"product_id": desk["id"]}], **PRICED}
    page = await proposed(client, id, **asked)
    assert nets(page) == {person["id"]: "80.00"}
    assert page["data"][0]["kind"] == "contact"
    made = await client.made(
        "quotes", {"contact_id": person["id"], "lines": asked["products"], **PRICED}
    )
    assert made["net"] == "80.00"


async def test_pages_write_nothing_until_they_are_committed_once(client):
    """Three members by two and one; asked again, also at once, the quotes are the same."""
    desk = await sold(client, "Desk")
    customers = [(await company(client))["id"] for _ in range(3)]
    id = await segment(client, *customers)
    asked = {"products": [{"product_id": desk["id"]}], "labels": ["good"], **PRICED}
    first = await proposed(client, id, limit=2, **asked)
    second = await proposed(client, id, limit=2, cursor=first["next_cursor"], **asked)
    assert [len(first["data"]), len(second["data"])] == [2, 1]
    assert second["next_cursor"] is None
    assert set(nets(first)) | set(nets(second)) == set(customers)
    assert not await quotes(client)
    made = await asyncio.gather(
        *(proposed(client, id, status=201, commit=True, **asked) for _ in range(3))
    )
    found = await quotes(client)
    assert {one["company_id"] for one in found} == set(customers)
    assert len(found) == 3
    ids = [[one["proposals"]["drafts"][0]["quote_id"] for one in page["data"]] for page in made]
    assert ids == [ids[0]] * 3
    assert set(ids[0]) == {one["id"] for one in found}
    # What is asked otherwise is another offer.
    await proposed(client, id, status=201, commit=True, limit=1, **asked, name="Again")
    assert len(await quotes(client)) == 4


async def test_nothing_to_offer_is_told_and_what_is_wrong_is_refused(client, other):
    id = await segment(client, (await company(client))["id"])
    (one,) = (await proposed(client, id, status=201, commit=True, **PRICED))["data"]
    assert one["proposals"]["drafts"] == []
    assert {told["code"] for told in one["proposals"]["withheld"]} == {"nothing_to_offer"}
    path = f"/v1/segments/{id}/proposals"
    answer = await client.post(path, json={"products": [{"product_id": id}], **PRICED})
    assert pointers(problem(answer, 422)) == ["/products/0/product_id"]
    problem(await client.post(path, json=PRICED, params={"limit": 21}), 422)
    problem(await other.post(path, json=PRICED), 404)
    assert (await client.post("/v1/modules/proposals/disable?cascade=true")).status_code == 200
    assert (await client.post(path, json=PRICED)).status_code in {403, 404}


async def test_both_faces_propose_to_a_segment(client):
    desk, customer = await sold(client, "Desk"), await company(client)
    id = await segment(client, customer["id"])
    given = {"products": [{"productId": desk["id"]}], "labels": ["good"], **PRICED}
    fields = "{ nextCursor data { recordId kind proposals { drafts { quoteId } } } }"
    query = f"""query($id: UUID!, $input: ProposalRequestInput!) {{
        segmentProposals(id: $id, input: $input) {fields} }}"""
    found = (await client.data(query, id=id, input=given))["segmentProposals"]
    assert found["data"][0]["recordId"] == customer["id"]
    assert found["data"][0]["proposals"]["drafts"] == [{"quoteId": None}]
    change = f"""mutation($id: UUID!, $input: ProposalRequestInput!) {{
        commitSegmentProposals(id: $id, input: $input) {fields} }}"""
    for _ in range(2):
        made = (await client.data(change, id=id, input=given))["commitSegmentProposals"]
        (quote,) = await quotes(client)
        assert made["data"][0]["proposals"]["drafts"] == [{"quoteId": quote["id"]}]


async def test_whoever_prices_for_a_segment_reads_segments(client):
    """What its members pay tells who they are."""
    id = await segment(client, (await company(client))["id"])
    prices = dict.fromkeys(("read", "create"), "all")
    levels = {"*": {"read": "all"}, "prices": prices, "segments": {"read": "none"}}
    user = await member(client, await custom_role(client, levels=levels))
    body = {"name": "Partners", "currency": "EUR", "audience": "segment"}
    answer = await user.api.post("/v1/price-lists", json={**body, "audience_key": id})
    assert problem(answer, 403)["right"] == "segments:read"
    await user.api.made("price-lists", {**body, "audience_key": "gold"})
    await client.made("price-lists", {**body, "audience_key": id})
