"""Segments: who belongs to them, by filter and by hand, since when, and who is told."""

import asyncio
from uuid import uuid4

from crm_api.domains.segments.jobs import reconcile
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem, tx_of
from support.members import custom_role, member
from support.segments import ago, matching, members, people, track
from support.waiting import patiently

LEADS = {"lifecycle": "lead"}


async def has(client, id, names, **asked):
    """Wait until these belong to a segment."""
    found = []
    async for _ in patiently():
        found = await members(client, id, **asked)
        if found == names:
            return
    assert found == names


async def test_members_follow_what_happens(client, worker):
    a, b = await people(client, "A", "B")
    company = await client.made("companies", {"name": "Bank", "industry": "bank"})
    filter = {
        "lifecycle": "lead",
        "or": [{"company": {"industry": "bank"}}, {"behaviour": {"did": "page.viewed"}}],
    }
    made = await client.made("segments", {"name": "S", "filter": filter})
    await client.idle()
    assert await members(client, made["id"]) == []
    await track(client, {"name": "page.viewed", "contact_id": a})
    await has(client, made["id"], ["A"])
    await client.changed(f"contacts/{b}", {"company_id": company["id"]})
    await has(client, made["id"], ["A", "B"])
    await client.changed(f"companies/{company['id']}", {"industry": "insurance"})
    await has(client, made["id"], ["A"])
    await client.changed(f"contacts/{a}", {"lifecycle": "customer"})
    await has(client, made["id"], [])
    entered = await client.told(a, 1, types="segment.entered")
    left = await client.told(a, 1, types="segment.left")
    assert entered[0]["data"] == {
        "segment_id": made["id"],
        "segment_name": "S",
        "moved_by": "filter",
    }
    assert (entered[0]["entity"], left[0]["entity"]) == ("contact", "contact")
    stays = (await client.read(f"segments/{made['id']}/stays"))["data"]
    assert [(s["record_id"], s["entered_by"], s["left_by"]) for s in stays] == [
        (a, "filter", "filter"),
        (b, "filter", "filter"),
    ]
    then = stays[1]["entered_at"]
    assert await members(client, made["id"], as_of=then) == ["A", "B"]
    assert await members(client, made["id"]) == []
    first = await client.read(f"segments/{made['id']}/stays", limit=1)
    second = await client.read(f"segments/{made['id']}/stays", cursor=first["next_cursor"])
    assert first["data"] + second["data"] == stays
    standing = await client.read(f"segments/{made['id']}/standing")
    assert (standing["size"], standing["follows"], standing["fault"]) == (0, True, None)


async def test_consents_move_whom_they_are_of(client, worker):
    (a,) = await people(client, "A")
    asked = {"channel": "email", "purpose": "newsletter"}
    made = await client.made("segments", {"name": "S", "filter": {"consent": asked}})
    await client.idle()
    assert await members(client, made["id"]) == []
    base = {**asked, "evidence": {"source": "web form"}, "target": "contact", "basis": "consent"}
    for state, names in (("granted", ["A"]), ("withdrawn", [])):
        await client.made("consents", {**base, "record_id": a, "state": state})
        await has(client, made["id"], names)
    assert (await client.read(f"segments/{made['id']}/standing"))["follows"]


async def test_related_records_move_whom_they_were_of_too(client, worker):
    a, b = await people(client, "A", "B")
    filter = {"deals": {"count": {"where": {"status": "open"}, "gte": 1}}}
    made = await client.made("segments", {"name": "S", "filter": filter})
    await client.idle()
    deal = await client.made("deals", {"name": "D", "contact_id": a})
    await has(client, made["id"], ["A"])
    await client.changed(f"deals/{deal['id']}", {"contact_id": b})
    await has(client, made["id"], ["B"])
    await client.delete(f"/v1/deals/{deal['id']}")
    await has(client, made["id"], [])


async def test_segments_stand_on_others_and_never_on_themselves(client, worker):
    await people(client, "A", "B")
    first = await client.made("segments", {"name": "First", "filter": {"last_name": "A"}})
    second = await client.made("segments", {"name": "Second", "filter": {"segment": first["id"]}})
    third = await client.made(
        "segments", {"name": "Third", "filter": {"not": {"segment": {"in": [second["id"]]}}}}
    )
    await client.idle()
    await has(client, second["id"], ["A"])
    await has(client, third["id"], ["B"])
    for target in (second, third):
        body = {"filter": {"or": [{"segment": target["id"]}, LEADS]}}
        told = problem(await client.patch(f"/v1/segments/{first['id']}", json=body), 422)
        assert told["errors"][0]["code"] == "segment_cycle"
        assert "First" in told["detail"]
        assert target["name"] in told["detail"]
    body = {"filter": {"segment": first["id"]}}
    told = problem(await client.patch(f"/v1/segments/{first['id']}", json=body), 422)
    assert told["errors"][0]["code"] == "segment_cycle"
    body = {"name": "X", "filter": {"segment": "018f0000-0000-7000-8000-000000000000"}}
    told = problem(await client.post("/v1/segments", json=body), 422)
    assert (told["errors"][0]["code"], pointers(told)) == ("unknown_segment", ["/filter/segment"])
    answer = await client.delete(f"/v1/segments/{first['id']}")
    assert problem(answer, 409, "segment_in_use")["segments"] == [second["id"]]
    await client.changed(f"segments/{first['id']}", {"filter": {"last_name": "B"}})
    await has(client, second["id"], ["B"])
    await has(client, third["id"], ["A"])


async def test_of_two_who_would_speak_of_one_another_one_is_refused(client):
    one, other = [
        await client.made("segments", {"name": name, "filter": LEADS}) for name in ("A", "B")
    ]
    pairs = ((one, other), (other, one))
    answers = await asyncio.gather(
        *(
            client.patch(f"/v1/segments/{mine['id']}", json={"filter": {"segment": its["id"]}})
            for mine, its in pairs
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_hands_win_over_filters(client, worker):
    a, b, c = await people(client, "A", "B", "C")
    made = await client.made("segments", {"name": "S", "filter": {"last_name": {"in": ["A", "B"]}}})
    await client.idle()
    path = f"/v1/segments/{made['id']}/members"
    told = (await client.post(path, json={"add": [c], "remove": [a]})).json()
    assert (told["added"], told["removed"], told["refused"]) == (1, 1, 0)
    assert await members(client, made["id"]) == ["B", "C"]
    # Each refresh waits for a hand, or a hand for it; the hand wins.
    refreshed = client.post(f"/v1/segments/{made['id']}/refresh")
    removed = client.post(path, json={"remove": [b]})
    answers = await asyncio.gather(refreshed, removed)
    assert [answer.status_code for answer in answers] == [202, 200]
    await client.ended(answers[0].json()["job_id"])
    assert await members(client, made["id"]) == ["C"]
    assert (await client.read(f"segments/{made['id']}/standing"))["overridden"] == 3
    released = (await client.post(path, json={"release": [a, b, c]})).json()
    assert [one["result"] for one in released["data"]] == ["released"] * 3
    assert await members(client, made["id"]) == ["A", "B"]
    problem(await client.post(path, json={}), 422)
    problem(await client.post(path, json={"add": [a], "remove": [a]}), 422)


async def test_static_ones_take_nobody_who_is_suppressed(client, worker):
    a, b = await people(client, "A", "B")
    bad = await client.made("segments", {"name": "Never", "kind": "suppression"})
    await client.post(f"/v1/segments/{bad['id']}/members", json={"add": [b]})
    made = await client.made("segments", {"name": "S", "kind": "static"})
    unknown = "018f0000-0000-7000-8000-000000000000"
    answer = await client.post(f"/v1/segments/{made['id']}/members", json={"add": [a, b, unknown]})
    told = answer.json()
    assert [(one["result"], one["reason"]) for one in told["data"]] == [
        ("added", None),
        ("refused", "suppressed_segment"),
        ("refused", "unknown"),
    ]
    assert await members(client, made["id"]) == ["A"]
    answer = await client.post(
        "/v1/segments", json={"name": "S", "kind": "static", "filter": LEADS}
    )
    assert problem(answer, 422)["errors"][0]["code"] == "filled_by_hand"
    answer = await client.post("/v1/segments", json={"name": "S"})
    assert problem(answer, 422)["errors"][0]["code"] == "needs_filter"
    problem(await client.post(f"/v1/segments/{made['id']}/refresh"), 409, "filled_by_hand")
    # Filters name it as any other.
    rule = {"name": "Never", "filter": {"segment": bad["id"]}}
    await client.made("guard-rules", rule)
    assert await matching(client, {"not": {"segment": bad["id"]}}) == ["A"]


async def test_static_ones_ask_of_suppressions_as_the_gate_does(client):
    (b,) = await people(client, "B")
    bad = await client.made("segments", {"name": "Never", "kind": "suppression"})
    await client.post(f"/v1/segments/{bad['id']}/members", json={"add": [b]})
    made = await client.made("segments", {"name": "S", "kind": "static"})
    company = (await client.made("companies", {"name": "Rival"}))["id"]
    own = {"name": "Rivals", "kind": "suppression", "target": "company"}
    rivals = await client.made("segments", own)
    await client.post(f"/v1/segments/{rivals['id']}/members", json={"add": [company]})
    (employed,) = await people(client, "Employed", company_id=company)
    (kept,) = await people(client, "Kept")
    body = {"winner_id": kept, "loser_ids": [b]}
    assert (await client.post("/v1/contacts/merge", json=body)).status_code == 201
    asked = {"add": [employed, kept]}
    told = (await client.post(f"/v1/segments/{made['id']}/members", json=asked)).json()
    assert [one["reason"] for one in told["data"]] == ["suppressed_segment"] * 2
    listed = await client.made("segments", {"name": "C", "kind": "static", "target": "company"})
    path = f"/v1/segments/{listed['id']}/members"
    told = (await client.post(path, json={"add": [company]})).json()
    assert [one["reason"] for one in told["data"]] == ["suppressed_segment"]
    # Suppressions themselves take anybody.
    told = (await client.post(f"/v1/segments/{bad['id']}/members", json={"add": [kept]})).json()
    assert told["refused"] == 0


async def test_a_snapshot_stays(client, worker):
    a, b = await people(client, "A", "B")
    made = await client.made("segments", {"name": "S", "filter": LEADS})
    answer = await client.post(f"/v1/segments/{made['id']}/snapshot", json={"name": "Then"})
    assert answer.status_code == 201, answer.text
    taken = answer.json()
    assert taken["kind"] == "snapshot"
    await client.idle()
    assert await members(client, taken["id"]) == ["A", "B"]
    await client.changed(f"contacts/{a}", {"lifecycle": "customer"})
    await has(client, made["id"], ["B"])
    assert await members(client, taken["id"]) == ["A", "B"]
    path = f"/v1/segments/{taken['id']}"
    problem(await client.post(f"{path}/refresh"), 409, "snapshot_stays")
    problem(await client.post(f"{path}/members", json={"add": [b]}), 409, "snapshot_stays")
    answer = await client.patch(path, json={"filter": LEADS})
    problem(answer, 409, "snapshot_stays")


async def test_companies_have_segments_as_well(client, worker):
    await client.made("companies", {"name": "Bank", "industry": "bank"})
    body = {"name": "S", "entity": "company", "filter": {"industry": "bank"}}
    made = await client.made("segments", body)
    assert made["target"] == "company"
    await client.idle()
    await client.made("companies", {"name": "Other bank", "industry": "bank"})
    found = []
    async for _ in patiently():
        path = f"segments/{made['id']}/members"
        found = [one["name"] for one in (await client.read(path, sort="name"))["data"]]
        if len(found) == 2:
            break
    assert found == ["Bank", "Other bank"]
    feed = await client.read("events", types="segment.company_entered")
    assert {event["entity"] for event in feed["data"]} == {"company"}


async def test_wrong_filters_say_where(client):
    for filter, pointer in (
        ({"nothing": 1}, "/filter/nothing"),
        ({"owner_id": "@me"}, "/filter/owner_id"),
        ({"behaviour": {"did": "a", "did_not": "b"}}, "/filter/behaviour"),
        ({"behaviour": {"did": "A B"}}, "/filter/behaviour/did"),
        ({"behaviour": {"did": "a", "within": "soon"}}, "/filter/behaviour/within"),
        ({"behaviour": {"did": "a", "since": 5}}, "/filter/behaviour/since"),
        ({"behaviour": {"did": "a", "count": {"gte": -1}}}, "/filter/behaviour/count/gte"),
        ({"behaviour": {"did": "a", "count": {"gte": 1, "lt": 2}}}, "/filter/behaviour/count"),
        ({"behaviour": {"did_not": "a", "count": {"gte": 1}}}, "/filter/behaviour/count"),
        (
            {"behaviour": {"did": "a", "where": {"x": {"like": 1}}}},
            "/filter/behaviour/where/x/like",
        ),
        ({"behaviour": {"did": "a", "where": {"x": [1]}}}, "/filter/behaviour/where/x/eq"),
        ({"behaviour": {"did": "a", "then": {"within": "1d"}}}, "/filter/behaviour/then"),
        ({"behaviour": {"did": "a", "else": 1}}, "/filter/behaviour/else"),
        ({"consent": {"channel": "pigeon", "purpose": "news"}}, "/filter/consent/channel"),
        ({"consent": {"channel": "email"}}, "/filter/consent/purpose"),
        ({"segment": {"in": ["x"]}}, "/filter/segment/in"),
        ({"segment": {"in": []}}, "/filter/segment/in"),
    ):
        told = problem(await client.post("/v1/segments", json={"name": "S", "filter": filter}), 422)
        assert pointers(told) == [pointer], filter


async def test_counted_by_custom_fields_and_by_records_that_they_refer_to(client, worker):
    for field in (
        {"name": "tier", "type": "text"},
        {"name": "fee", "type": "money"},
    ):
        await client.made("custom-fields", {"target": "contact", **field})
    bank = await client.made("companies", {"name": "Bank", "industry": "bank"})
    mill = await client.made("companies", {"name": "Mill", "industry": "mill"})
    firms, own = (bank, bank, mill, None), ("gold", "gold", None, "tin")
    made = [
        {
            "last_name": name,
            "company_id": firm and firm["id"],
            "custom": {"tier": tier} if tier else {},
        }
        for name, firm, tier in zip("ABCD", firms, own, strict=True)
    ]
    ids = [(await client.made("contacts", one))["id"] for one in made]
    names = ["company.industry", "custom.tier", "lifecycle"]
    body = {"filter": {"last_name": {"in": list("ABCD")}}, "breakdown": names}
    wanted = [
        [("bank", 2), ("mill", 1), (None, 1)],
        [("gold", 2), ("tin", 1), (None, 1)],
        [("lead", 4)],
    ]
    told = (await client.post("/v1/segments/preview", json=body)).json()["breakdown"]
    assert [one["field"] for one in told] == names
    found = [[(v["value"], v["count"]) for v in one["values"]] for one in told]
    assert found[:2] == wanted[:2]
    document = "query($i: PreviewInput!) { segmentPreview(input: $i) { breakdown { field values { value count } } } }"
    again = (await client.data(document, i=body))["segmentPreview"]["breakdown"]
    assert again == told
    # What is gone is none, as in filters.
    await client.delete(f"/v1/companies/{mill['id']}")
    told = (await client.post("/v1/segments/preview", json=body)).json()["breakdown"][0]
    assert [(v["value"], v["count"]) for v in told["values"]] == [("bank", 2), (None, 2)]
    for name in (
        "custom.fee",
        "custom.no",
        "company.no",
        "no.industry",
        "deals.name",
        "company.domains",
    ):
        answer = await client.post(
            "/v1/segments/preview", json={**body, "breakdown": ["source", name]}
        )
        assert pointers(problem(answer, 422)) == ["/breakdown/1"], name
    one = await client.made("segments", {"name": "One", "kind": "static"})
    await client.post(f"/v1/segments/{one['id']}/members", json={"add": ids[:2]})
    asked = {"first_id": one["id"], "fields": names[:2]}
    told = (await client.post("/v1/segments/compare", json=asked)).json()["contrasts"]
    counts = {(c["field"], c["value"]): (c["first"], c["second"]) for c in told}
    assert counts["company.industry", "bank"] == (2, 0)
    assert counts["custom.tier", "tin"] == (0, 1)


async def test_nobody_counts_by_what_they_may_not_read(client):
    bank = await client.made("companies", {"name": "Bank", "industry": "bank"})
    levels = {
        "contacts": {"read": "all"},
        "segments": {"read": "all"},
        "companies": {"read": "own"},
    }
    await client.made("contacts", {"last_name": "A", "company_id": bank["id"]})
    some = (await member(client, await custom_role(client, levels=levels))).api
    body = {"filter": {}, "breakdown": ["company.industry"]}
    for api, wanted in ((client, [("bank", 1)]), (some, [(None, 1)]), (client, [("bank", 1)])):
        (told,) = (await api.post("/v1/segments/preview", json=body)).json()["breakdown"]
        assert [(v["value"], v["count"]) for v in told["values"]] == wanted
    levels.pop("companies")
    none = (await member(client, await custom_role(client, levels=levels))).api
    problem(await none.post("/v1/segments/preview", json=body), 403)
    levels["companies"] = {"read": "all"}
    masked = await custom_role(client, levels=levels, masks={"company": {"hidden": ["industry"]}})
    answer = await (await member(client, masked)).api.post("/v1/segments/preview", json=body)
    assert pointers(problem(answer, 403, "hidden_field")) == ["/breakdown/0"]


async def test_a_preview_counts_samples_and_compares(client, worker):
    await people(client, "A", "B", "C", source="fair")
    await people(client, "D", lifecycle="customer")
    made = await client.made("segments", {"name": "S", "filter": {"last_name": {"in": ["A", "D"]}}})
    await client.idle()
    body = {"filter": LEADS, "breakdown": ["source", "lifecycle"], "overlap": [made["id"]]}
    told = (await client.post("/v1/segments/preview", json=body | {"sample": 2})).json()
    assert told["count"] == 3
    assert [one["last_name"] for one in told["sample"]] == ["C", "B"]
    assert told["breakdown"] == [
        {"field": "source", "values": [{"value": "fair", "count": 3}]},
        {"field": "lifecycle", "values": [{"value": "lead", "count": 3}]},
    ]
    assert told["overlap"] == [{"segment_id": made["id"], "count": 1}]
    wrong = await client.post("/v1/segments/preview", json=body | {"breakdown": ["emails"]})
    assert pointers(problem(wrong, 422)) == ["/breakdown/0"]
    # Not to be in a segment that is not there would be everybody.
    gone = str(uuid4())
    for named, pointer in (
        ({"filter": {"not": {"segment": gone}}}, "/filter/not/segment"),
        ({"overlap": [made["id"], gone]}, "/overlap/1"),
    ):
        wrong = await client.post("/v1/segments/preview", json=body | named)
        told = problem(wrong, 422)
        assert (pointers(told), told["errors"][0]["code"]) == ([pointer], "unknown_segment")
    document = """query($i: PreviewInput!) { segmentPreview(input: $i) {
        count sample breakdown { field values { value count } } } }"""
    shown = (await client.data(document, i={"filter": LEADS}))["segmentPreview"]
    assert shown["count"] == 3


async def test_somebody_who_is_erased_was_in_no_segment(client, worker):
    (a,) = await people(client, "A")
    await people(client, "B")
    made = await client.made("segments", {"name": "S", "filter": LEADS})
    await client.idle()
    await track(client, {"name": "page.viewed", "contact_id": a})
    request = await client.made("subject-requests", {"kind": "erasure", "record_id": a})
    path = f"/v1/subject-requests/{request['id']}"
    answer = await client.post(f"{path}/verify", json={"verification": "Known."})
    assert answer.is_success, answer.text
    answer = await client.post(f"{path}/start")
    assert answer.status_code == 202, answer.text
    await client.ended(answer.json()["job_id"])
    assert await members(client, made["id"]) == ["B"]
    assert (await client.read("behaviour-events"))["data"] == []
    stays = (await client.read(f"segments/{made['id']}/stays"))["data"]
    assert a not in [one["record_id"] for one in stays]
    assert (await client.read(f"segments/{made['id']}/standing"))["size"] == 1


async def test_behaviour_in_order_and_in_number(client):
    a, b, c = await people(client, "A", "B", "C")
    await track(
        client,
        {"name": "cart.filled", "contact_id": a, "occurred_at": ago(10)},
        {"name": "order.placed", "contact_id": a, "occurred_at": ago(8), "properties": {"n": 5}},
        {"name": "cart.filled", "contact_id": b, "occurred_at": ago(10)},
        {"name": "order.placed", "contact_id": b, "occurred_at": ago(1), "properties": {"n": "5"}},
        {"name": "order.placed", "contact_id": c, "occurred_at": ago(12)},
        {"name": "cart.filled", "contact_id": c, "occurred_at": ago(10)},
    )
    bought = {"did": "order.placed"}

    async def found(**asked):
        return await matching(client, {"behaviour": asked})

    assert await found(did="cart.filled", then=bought) == ["A", "B"]
    assert await found(did="cart.filled", then={**bought, "within": "3d"}) == ["A"]
    assert await found(did="cart.filled", then={"did_not": "order.placed"}) == ["C"]
    assert await found(did="cart.filled", then={**bought, "where": {"n": {"gt": 4}}}) == ["A"]
    assert await found(did="order.placed", within="2d") == ["B"]
    assert await found(did_not="order.placed", within="9d") == ["C"]
    assert await found(did="order.placed", until=ago(9)) == ["C"]
    assert await found(did="order.placed", count={"eq": 0}) == []
    assert await found(did="never.heard", count={"lt": 1}) == ["A", "B", "C"]
    assert await found(did="order.placed", where={"n": {"is_null": True}}) == ["C"]
    assert await found(did="order.placed", where={"n": {"in": ["5", 6]}}) == ["B"]
    await track(client, {"name": "order.placed", "contact_id": a})
    assert await found(did="order.placed", count={"gte": 2}) == ["A"]
    assert await found(did="order.placed", count={"lte": 1}) == ["B", "C"]
    assert await found(did="order.placed", count={"between": [1, 1]}) == ["B", "C"]


async def test_consents_are_the_last_word(client):
    a, b, c = await people(client, "A", "B", "C")
    base = {"purpose": "newsletter", "channel": "email", "evidence": {"source": "web form"}}
    base |= {"target": "contact", "basis": "consent"}
    for person, states in ((a, ("granted",)), (b, ("granted", "withdrawn"))):
        for state in states:
            body = {**base, "record_id": person, "state": state}
            await client.made("consents", body)
    asked = {"channel": "email", "purpose": "newsletter"}
    assert await matching(client, {"consent": asked}) == ["A"]
    assert await matching(client, {"consent": {**asked, "state": "withdrawn"}}) == ["B"]
    assert await matching(client, {"consent": {**asked, "state": "unknown"}}) == ["C"]
    assert await matching(client, {"not": {"consent": asked}}) == ["B", "C"]
    # What was decided as somebody else who was merged since counts, if it is the last word.
    body = {"winner_id": c, "loser_ids": [b]}
    assert (await client.post("/v1/contacts/merge", json=body)).is_success
    assert await matching(client, {"consent": {**asked, "state": "withdrawn"}}) == ["C"]


OLDER = "UPDATE segments SET created_at = now() - interval '2 days' WHERE organization_id = $1"
UNFIT = "UPDATE segments SET filter = '{\"gone\": 1}' WHERE organization_id = $1"


async def written(database, org, sql):
    async with unit_of_work(tx_of(database, org)) as tx:
        await tx.write(sql, org.id)


async def test_the_night_finds_what_was_missed(world, database):
    org = await world.org()
    client = await world.client(org)
    a, _ = await people(client, "A", "B")
    filter = {"behaviour": {"did": "page.viewed", "within": "1h"}}
    made = await client.made("segments", {"name": "S", "filter": filter})
    await track(client, {"name": "page.viewed", "contact_id": a})
    # Nobody works: what happened is not heard of, and the night comes.
    await reconcile(database, None)
    path = f"segments/{made['id']}/standing"
    assert (await client.read(path))["reconciled_at"] is None
    await written(database, org, OLDER)
    await reconcile(database, None)
    told = await client.read(path)
    assert (told["size"], told["drift_entered"], told["drift_left"]) == (1, 1, 0)
    assert (told["changes_with_time"], told["reconciled_at"]) == (True, told["refreshed_at"])
    assert await members(client, made["id"]) == ["A"]
    (stay,) = (await client.read(f"segments/{made['id']}/stays"))["data"]
    assert stay["entered_by"] == "reconciled"
    # Once a night.
    await client.changed(f"segments/{made['id']}", {"description": "Other"})
    await reconcile(database, None)
    assert (await client.read(path))["reconciled_at"] == told["reconciled_at"]


async def test_one_whose_filter_fits_no_more_says_so_and_stays(world, database):
    org = await world.org()
    client = await world.client(org)
    made = await client.made("segments", {"name": "S", "filter": LEADS})
    await written(database, org, UNFIT)
    await written(database, org, OLDER)
    await reconcile(database, None)
    assert "gone" in (await client.read(f"segments/{made['id']}/standing"))["fault"]


async def test_totals_and_custom_relations_move_whom_they_are_of(client, worker):
    await client.made(
        "custom-objects", {"key": "vehicle", "label": "Vehicle", "plural_label": "Vehicles"}
    )
    relation = {"name": "holder", "type": "relation", "relates_to": "contact"}
    await client.made("custom-fields", {"target": "vehicle", **relation})
    await client.made("custom-fields", {"target": "vehicle", "name": "load", "type": "decimal"})
    bank = {"name": "bank", "type": "relation", "relates_to": "company"}
    await client.made("custom-fields", {"target": "contact", **bank})
    a, b = await people(client, "A", "B")
    filters = {
        "sum": {"deals": {"sum": {"field": "amount", "gte": "10"}}},
        "back": {"custom": {"vehicle.holder": {"some": {"name": "V"}}}},
        "load": {"custom": {"vehicle.holder": {"max": {"field": "custom.load", "gt": "2"}}}},
        "forth": {"custom": {"bank": {"name": "Bank"}}},
    }
    made = {
        name: (await client.made("segments", {"name": name, "filter": filter}))["id"]
        for name, filter in filters.items()
    }
    await client.idle()
    for id in made.values():
        assert (await client.read(f"segments/{id}/standing"))["follows"]
    deal = {"name": "D", "amount": "6", "contact_id": a}
    first = await client.made("deals", deal)
    await client.made("deals", deal)
    await has(client, made["sum"], ["A"])
    await client.changed(f"deals/{first['id']}", {"amount": "3"})
    await has(client, made["sum"], [])
    await client.changed(f"deals/{first['id']}", {"amount": "11", "contact_id": b})
    await has(client, made["sum"], ["B"])
    body = {"name": "V", "custom": {"holder": a, "load": "3"}}
    vehicle = f"objects/vehicle/{(await client.made('objects/vehicle', body))['id']}"
    await has(client, made["back"], ["A"])
    await has(client, made["load"], ["A"])
    # From one to another both are looked at, and what goes to the bin is forgotten.
    await client.changed(vehicle, {"custom": {"holder": b}})
    await has(client, made["back"], ["B"])
    await has(client, made["load"], ["B"])
    await client.changed(vehicle, {"custom": {"load": "1"}})
    await has(client, made["load"], [])
    await client.delete(f"/v1/{vehicle}")
    await has(client, made["back"], [])
    await client.post(f"/v1/{vehicle}/restore")
    await has(client, made["back"], ["B"])
    company = await client.made("companies", {"name": "Other"})
    await client.changed(f"contacts/{a}", {"custom": {"bank": company["id"]}})
    await client.changed(f"companies/{company['id']}", {"name": "Bank"})
    await has(client, made["forth"], ["A"])
    await client.changed(f"companies/{company['id']}", {"name": "Other"})
    await has(client, made["forth"], [])
