"""Leads: what they are matched with, where they go, and what they become."""

import asyncio

from support.clients import pointers, problem
from support.members import custom_role, member

LEAD = {"first_name": "Sample", "last_name": "Person", "email": "Sample.Person@example.com"}


async def act(api, lead, verb, status=200, **body):
    answer = await api.post(f"/v1/leads/{lead['id']}/{verb}", json=body or None)
    assert answer.status_code == status, answer.text
    return answer.json()


async def user_of(api):
    body = {"email": "agent@example.com", "name": "Sample Agent"}
    return (await api.made("users", body))["id"]


async def test_a_lead_is_named_by_what_is_known(client):
    assert (await client.made("leads", LEAD))["name"] == "Sample Person"
    named = await client.made("leads", {"company_name": "Example Industries"})
    assert named["name"] == "Example Industries"
    reached = await client.made("leads", {"email": "who@example.com"})
    assert reached["name"] == "who@example.com"
    problem(await client.post("/v1/leads", json={"title": "Buyer"}), 422)
    cleared = await client.patch(f"/v1/leads/{named['id']}", json={"company_name": None})
    problem(cleared, 422, "validation")


async def test_what_brought_it_is_kept(client):
    utm = {"source": "newsletter", "campaign": "spring"}
    body = {**LEAD, "campaign": "Spring", "medium": "email", "utm": utm, "referrer": "example.com"}
    lead = await client.made("leads", body)
    assert (lead["campaign"], lead["medium"], lead["utm"]) == ("Spring", "email", utm)
    assert (lead["status"], lead["owner_id"], lead["waits_since"] is not None) == (
        "new",
        None,
        True,
    )


async def test_scores_are_apart_and_their_mean_is_shown(client):
    lead = await client.made("leads", {**LEAD, "fit_score": 40, "engagement_score": 81})
    assert lead["score"] == 60
    changed = await client.changed(f"leads/{lead['id']}", {"fit_score": None})
    assert changed["score"] == 81
    problem(await client.post("/v1/leads", json={**LEAD, "fit_score": 101}), 422)


async def test_a_lead_is_matched_with_who_has_its_address(client):
    company = await client.made(
        "companies", {"name": "Example Industries", "domains": ["example.com"]}
    )
    contact = await client.made(
        "contacts",
        {"last_name": "Person", "email": "sample.person@EXAMPLE.com", "company_id": company["id"]},
    )
    lead = await client.made("leads", LEAD)
    assert lead["matched_contact_id"] == contact["id"]
    assert lead["matched_company_id"] == company["id"]
    assert lead["candidates"] == []
    again = await client.made("leads", {"last_name": "Other", "email": LEAD["email"]})
    assert again["candidates"] == [{"entity": "lead", "id": lead["id"], "by": "email"}]
    included = await client.read(f"leads/{lead['id']}", include="matched_contact")
    assert included["matched_contact"]["id"] == contact["id"]


async def test_of_several_with_one_number_all_are_candidates(client):
    both = [
        await client.made("contacts", {"last_name": name, "phone": "+49 30 123456"})
        for name in ("One", "Two")
    ]
    lead = await client.made("leads", {"last_name": "Three", "phone": "030 123456"})
    assert lead["matched_contact_id"] is None
    assert {c["id"] for c in lead["candidates"]} == {one["id"] for one in both}
    assert {c["by"] for c in lead["candidates"]} == {"phone"}


async def test_a_company_is_matched_by_its_domain_and_a_candidate_by_its_name(client):
    company = await client.made(
        "companies", {"name": "Example Industries", "domains": ["industries.example"]}
    )
    by_domain = await client.made("leads", {"email": "somebody@industries.example"})
    assert by_domain["matched_company_id"] == company["id"]
    by_name = await client.made("leads", {"company_name": "example industries"})
    assert by_name["matched_company_id"] is None
    assert by_name["candidates"] == [{"entity": "company", "id": company["id"], "by": "name"}]


async def test_an_address_that_is_set_later_is_matched_then(client):
    contact = await client.made("contacts", {"last_name": "Person", "email": LEAD["email"]})
    lead = await client.made("leads", {"last_name": "Person"})
    assert lead["matched_contact_id"] is None
    changed = await client.changed(f"leads/{lead['id']}", {"email": LEAD["email"]})
    assert changed["matched_contact_id"] == contact["id"]


async def test_whoever_sees_no_contacts_is_told_of_none(client):
    await client.made("contacts", {"last_name": "Person", "email": LEAD["email"]})
    levels = {"leads": dict.fromkeys(("read", "create", "update"), "all")}
    capturer = await member(client, await custom_role(client, levels=levels))
    lead = await capturer.api.made("leads", LEAD)
    assert (lead["matched_contact_id"], lead["candidates"]) == (None, [])
    assert lead["owner_id"] == capturer.id


async def test_a_lead_goes_from_new_to_qualified(client):
    me = await user_of(client)
    lead = await client.made("leads", LEAD)
    ways = await client.read(f"leads/{lead['id']}/transitions")
    assert {way["verb"] for way in ways["allowed"]} == {
        *("assign", "claim", "distribute", "disqualify"),
    }
    problem(await client.post(f"/v1/leads/{lead['id']}/accept"), 409, "illegal_transition")
    lead = await act(client, lead, "assign", user_id=me, reason="Knows them")
    assert (lead["status"], lead["owner_id"], lead["waits_since"]) == ("assigned", me, None)
    again = await client.post(f"/v1/leads/{lead['id']}/assign", json={"user_id": me})
    problem(again, 409, "already_owned")
    lead = await act(client, lead, "accept")
    assert lead["status"] == "working"
    assert lead["responded_at"] is not None
    assert (await act(client, lead, "qualify"))["status"] == "qualified"
    trail = (await client.read(f"leads/{lead['id']}/assignments"))["data"]
    assert [(t["user_id"], t["kind"], t["reason"], t["ended_at"]) for t in trail] == [
        (me, "manual", "Knows them", None)
    ]
    assert trail[0]["responded_at"] is not None
    told = await client.told(lead["id"], 4)
    assert [event["type"] for event in told] == [
        *("lead.created", "lead.assigned", "lead.accepted", "lead.qualified"),
    ]


async def test_who_owned_it_stands_in_the_trail_whatever_changed_it(client):
    bodies = [{"email": f"{n}@example.com", "name": "Sample"} for n in "ab"]
    one, other = [await client.made("users", body) for body in bodies]
    lead = await client.made("leads", {**LEAD, "owner_id": one["id"]})
    assert lead["status"] == "assigned"
    await client.changed(f"leads/{lead['id']}", {"owner_id": other["id"]})
    trail = (await client.read(f"leads/{lead['id']}/assignments"))["data"]
    assert [(t["user_id"], t["ended_as"]) for t in trail] == [
        (other["id"], None),
        (one["id"], "reassigned"),
    ]
    await client.changed(f"leads/{lead['id']}", {"owner_id": None})
    assert (await client.read(f"leads/{lead['id']}"))["status"] == "new"


async def test_a_lead_is_disqualified_and_recycled_with_reasons(client):
    me = await user_of(client)
    lead = await client.made("leads", {**LEAD, "owner_id": me})
    assert (await client.post(f"/v1/leads/{lead['id']}/disqualify")).status_code == 422
    lead = await act(client, lead, "disqualify", reason="No budget")
    assert (lead["status"], lead["status_reason"]) == ("disqualified", "No budget")
    lead = await act(client, lead, "recycle", reason="Budget is there")
    assert (lead["status"], lead["owner_id"]) == ("recycled", None)
    (ended,) = (await client.read(f"leads/{lead['id']}/assignments"))["data"]
    assert (ended["ended_as"], ended["end_reason"]) == ("closed", "No budget")


async def test_a_lead_becomes_a_contact_a_company_and_a_deal(client):
    me = await user_of(client)
    body = {**LEAD, "company_name": "Example Industries", "owner_id": me, "source": "fair"}
    lead = await client.made("leads", {**body, "tags": ["large"], "phone": "+49 30 123456"})
    deal = {"name": "New office", "amount": "1200.00"}
    lead = await act(client, lead, "convert", deal=deal)
    assert lead["status"] == "converted"
    contact = await client.read(f"contacts/{lead['contact_id']}")
    assert (contact["name"], contact["email"], contact["phone"]) == (
        *("Sample Person", "Sample.Person@example.com", "+4930123456"),
    )
    assert (contact["company_id"], contact["owner_id"]) == (lead["company_id"], me)
    assert (contact["tags"], contact["source"]) == (["large"], "fair")
    company = await client.read(f"companies/{lead['company_id']}", include="leads")
    assert company["name"] == "Example Industries"
    made = await client.read(f"deals/{lead['deal_id']}")
    assert (made["name"], made["amount"]) == ("New office", "1200.00")
    assert (made["contact_id"], made["company_id"]) == (contact["id"], company["id"])
    problem(
        await client.post(f"/v1/leads/{lead['id']}/convert", json={}), 409, "illegal_transition"
    )


async def test_existing_records_are_taken_where_they_are_matched_or_named(client):
    me = await user_of(client)
    contact = await client.made("contacts", {"last_name": "Person", "email": LEAD["email"]})
    named = await client.made("companies", {"name": "Example Industries"})
    lead = await client.made("leads", {**LEAD, "company_name": "Other", "owner_id": me})
    unknown = await client.post(f"/v1/leads/{lead['id']}/convert", json={"company_id": lead["id"]})
    assert pointers(problem(unknown, 422)) == ["/company_id"]
    lead = await act(client, lead, "convert", company_id=named["id"])
    assert (lead["contact_id"], lead["company_id"]) == (contact["id"], named["id"])
    assert len((await client.read("contacts"))["data"]) == 1


async def test_leads_of_one_person_become_one_contact_and_one_company(client):
    body = {**LEAD, "email": "person@works.example.com", "company_name": "Example Works"}
    body["owner_id"] = await user_of(client)
    leads = [await client.made("leads", body) for _ in range(4)]
    calls = [client.post(f"/v1/leads/{lead['id']}/convert", json={}) for lead in leads]
    told = [answer.json() for answer in await asyncio.gather(*calls)]
    assert {one["status"] for one in told} == {"converted"}
    assert len({(one["contact_id"], one["company_id"]) for one in told}) == 1
    for name in ("contacts", "companies"):
        assert len((await client.read(name))["data"]) == 1
    other = await client.made("leads", {**body, "email": "other@works.example.com"})
    assert other["matched_company_id"] == told[0]["company_id"]
    alone = await client.made("leads", body)
    alone = await act(client, alone, "convert", uses_matches=False)
    assert alone["contact_id"] != told[0]["contact_id"]


async def test_a_company_gets_no_domain_that_many_share(client):
    body = {**LEAD, "email": "somebody@gmail.com", "website": "https://shop.example.com:8080/a"}
    body |= {"company_name": "Example Shop", "owner_id": await user_of(client)}
    lead = await act(client, await client.made("leads", body), "convert")
    company = await client.read(f"companies/{lead['company_id']}")
    assert company["domains"] == ["shop.example.com"]


async def test_a_conversion_that_fails_has_made_nothing(client):
    me = await user_of(client)
    lead = await client.made("leads", {**LEAD, "company_name": "Example", "owner_id": me})
    stage = {"name": "New office", "stage_id": lead["id"]}
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={"deal": stage})
    assert pointers(problem(answer, 422)) == ["/deal/stage_id"]
    pipeline = {"name": "New office", "pipeline_id": lead["id"]}
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={"deal": pipeline})
    assert pointers(problem(answer, 422)) == ["/deal/pipeline_id"]
    assert (await client.read("contacts"))["data"] == []
    assert (await client.read("companies"))["data"] == []
    assert (await client.read(f"leads/{lead['id']}"))["status"] == "assigned"


async def test_of_eight_who_convert_a_lead_at_once_one_does(client):
    me = await user_of(client)
    body = {**LEAD, "company_name": "Example Industries", "owner_id": me}
    lead = await client.made("leads", body)
    calls = [client.post(f"/v1/leads/{lead['id']}/convert", json={"deal": {}}) for _ in range(8)]
    answers = await asyncio.gather(*calls)
    assert sorted(one.status_code for one in answers) == [200, *[409] * 7]
    for name in ("contacts", "companies", "deals"):
        assert len((await client.read(name))["data"]) == 1


async def test_leads_are_the_same_over_graphql(client):
    me = await user_of(client)
    made = await client.data(
        "mutation($i: LeadCreateInput!) { createLead(input: $i) { id status utm } }",
        i={"lastName": "Person", "email": LEAD["email"], "utm": {"source": "fair"}},
    )
    id = made["createLead"]["id"]
    await client.data(
        "mutation($i: UUID!, $u: UUID!) { assignLead(id: $i, userId: $u) { id } }", i=id, u=me
    )
    await client.data("mutation($i: UUID!) { acceptLead(id: $i) { status } }", i=id)
    found = await client.data(
        "query($i: UUID!, $l: String!) { leadAssignments(where: {leadId: {eq: $l}}) { nodes { kind userId } } "
        "leadExplanation(id: $i) { kind userId reason rules { name } } }",
        i=id,
        l=id,
    )
    assert found["leadAssignments"]["nodes"] == [{"kind": "manual", "userId": me}]
    assert found["leadExplanation"]["userId"] == me
    converted = await client.data(
        'mutation($i: UUID!) { convertLead(id: $i, input: {deal: {name: "Office"}}) '
        "{ status contact { name } deal { name } } }",
        i=id,
    )
    assert converted["convertLead"]["deal"] == {"name": "Office"}


async def test_what_a_lead_became_is_followed_through_a_merge(client):
    me = await user_of(client)
    winner, loser = [
        await client.made("companies", {"name": name, "domains": [domain]})
        for name, domain in (("Example Industries", "example.com"), ("Example", "example.org"))
    ]
    lead = await client.made("leads", {"email": "person@example.org", "owner_id": me})
    assert lead["matched_company_id"] == loser["id"]
    await act(client, lead, "convert", company_id=loser["id"])
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    merged = await client.post("/v1/companies/merge", json=body)
    assert merged.status_code == 201, merged.text
    lead = await client.read(f"leads/{lead['id']}")
    assert (lead["company_id"], lead["matched_company_id"]) == (winner["id"], winner["id"])
