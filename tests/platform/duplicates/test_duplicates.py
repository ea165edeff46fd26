"""Duplicates from end to end: found, decided, merged, remembered."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from crm_api import worker as job_worker
from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.duplicates.service import DuplicateService
from support.clients import pointers, problem
from support.waiting import patiently

JOHN: dict[str, Any] = {
    "first_name": "Jonathan",
    "last_name": "Example",
    "email": "jonathan.example@example.com",
    "phone": "+49 30 901820",
}
ALIKE: dict[str, Any] = {"first_name": "Jonathon", "last_name": "Exampel", "phone": "+4930901820"}


def ids(pair) -> set[str]:
    return {pair["first_id"], pair["second_id"]}


async def pairs(client, path="contacts", **params) -> list[dict[str, Any]]:
    return (await client.read(f"{path}/duplicates", **params))["data"]


async def policy(client, path="contacts", **body) -> dict[str, Any]:
    answer = await client.put(f"/v1/{path}/duplicates/policy", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def two(client, path="contacts") -> list[dict[str, Any]]:
    return [await client.made(path, body) for body in (JOHN, {**ALIKE, "email": JOHN["email"]})]


async def check(client, body, path="contacts") -> list[dict[str, Any]]:
    answer = await client.post(f"/v1/{path}/duplicates/check", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_check_finds_a_misspelt_record_with_its_reasons(client):
    made = await client.made("contacts", JOHN)
    await client.made("contacts", {"first_name": "Somebody", "last_name": "Else"})
    (found,) = await check(client, ALIKE)
    assert found["id"] == made["id"]
    assert found["band"] in {"probable", "certain"}
    reasons = {r["field"]: r for r in found["reasons"]}
    assert reasons["phone"]["level"] == "equal"
    assert reasons["last_name"]["level"] == "close"
    assert all(r["bits"] > 0 for r in reasons.values())
    assert (await client.read("contacts"))["data"][0]["first_name"] == "Somebody"


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ({"first_name": "Анна", "last_name": "Ли", "birth_date": "1980-02-29"}, {"first_name": "Ли", "last_name": "Анна", "birth_date": "1980-02-29"}),
        ({"first_name": "Наталья", "last_name": "Щербакова", "birth_date": "1980-02-28"}, {"first_name": "Natalya", "last_name": "Shcherbakova", "birth_date": "1980-02-28"}),
        ({"last_name": "Doe", "email": "John.Doe+news@GoogleMail.com"}, {"last_name": "Doe", "email": "johndoe@gmail.com"}),
        ({"last_name": "Doe", "email": "johndoe@gmail.com"}, {"last_name": "Doe", "email": "John.Doe+news@GoogleMail.com"}),
        ({"first_name": "Ann", "last_name": "Person", "birth_date": "1980-12-03"}, {"first_name": "Ann", "last_name": "Person", "birth_date": "1980-03-12"}),
    ],
)  # fmt: skip
async def test_check_sees_through_spellings(client, stored, asked):
    made = await client.made("contacts", stored)
    assert [c["id"] for c in await check(client, asked)] == [made["id"]]


@pytest.mark.parametrize("name", ["Ромашка, ООО", "Romashka LLC", "ромашка"])
async def test_companies_match_without_legal_forms(client, name):
    made = await client.made("companies", {"name": "ООО «Ромашка»", "domains": ["example.com"]})
    await client.made("companies", {"name": "Ромашка Плюс"})
    found = await check(client, {"name": name, "domains": ["example.com"]}, "companies")
    assert [c["id"] for c in found] == [made["id"]]


async def test_scan_fills_the_list(client, scan):
    first, second = await two(client)
    await client.made("contacts", {"first_name": "Somebody", "last_name": "Else"})
    result = await scan("contacts", full=True)
    assert result == {"records": 3, "found": 1, "full": True}
    (pair,) = await pairs(client)
    assert ids(pair) == {first["id"], second["id"]}
    assert (pair["status"], pair["target"], pair["band"]) == ("open", "contact", "certain")
    assert pair["score"] >= 99
    assert {r["field"] for r in pair["reasons"]} >= {"first_name", "last_name", "email", "phone"}
    again = await scan("contacts", full=True)
    assert again["found"] == 1
    (same,) = await pairs(client)
    assert same == pair
    assert await pairs(client, record_id=first["id"]) == [pair]
    assert await pairs(client, record_id="01990000-0000-7000-8000-0000000000ff") == []


async def test_later_scans_look_at_what_has_changed(client, scan):
    await scan("contacts")
    first, second = await two(client)
    result = await scan("contacts")
    assert result == {"records": 2, "found": 2, "full": False}
    (pair,) = await pairs(client)
    await client.changed(
        f"contacts/{second['id']}",
        {"first_name": "Somebody", "last_name": "Else", "emails": [], "phones": []},
    )
    await scan("contacts")
    assert await pairs(client) == []
    await client.changed(f"contacts/{second['id']}", {"email": JOHN["email"]})
    await scan("contacts")
    (back,) = await pairs(client)
    assert back["id"] == pair["id"]
    assert ids(back) == {first["id"], second["id"]}


async def test_what_a_full_scan_finds_no_more_is_gone(client, scan):
    _, second = await two(client)
    await scan("contacts", full=True)
    await policy(client, weights={"email": 0, "phone": 0, "last_name": 0}, unique=[])
    await client.changed(f"contacts/{second['id']}", {"first_name": "Somebody"})
    await scan("contacts", full=True)
    assert await pairs(client) == []


async def test_a_dismissed_pair_is_never_suggested_again(client, scan):
    first, second = await two(client)
    await scan("contacts")
    (pair,) = await pairs(client)
    answer = await client.post(f"/v1/contacts/duplicates/{pair['id']}/dismiss")
    assert answer.status_code == 200
    assert answer.json()["status"] == "not_duplicate"
    assert answer.json()["decided_at"]
    for full in (True, False):
        await client.changed(f"contacts/{first['id']}", {"title": f"Buyer {full}"})
        await scan("contacts", full=full)
        assert await pairs(client) == []
    near = await client.read(f"contacts/{first['id']}/duplicates")
    assert near["data"] == []
    (told,) = await pairs(client, status="not_duplicate")
    assert told["id"] == pair["id"]
    opened = await client.post(f"/v1/contacts/duplicates/{pair['id']}/reopen")
    assert (opened.json()["status"], opened.json()["decided_at"]) == ("open", None)
    (near,) = (await client.read(f"contacts/{first['id']}/duplicates"))["data"]
    assert (near["id"], near["duplicate_id"]) == (second["id"], pair["id"])


async def test_a_dismissal_survives_merges(client, scan):
    first, second = await two(client)
    third = await client.made("contacts", {"first_name": "Somebody", "last_name": "Else"})
    body = {"record_ids": [second["id"], first["id"]]}
    answer = await client.post("/v1/contacts/duplicates/dismiss", json=body)
    assert answer.status_code == 200, answer.text
    merge = {"winner_id": third["id"], "loser_ids": [first["id"]]}
    merged = (await client.post("/v1/contacts/merge", json=merge)).json()
    await scan("contacts", full=True)
    assert await pairs(client) == []
    assert (await client.read(f"contacts/{third['id']}/duplicates"))["data"] == []
    # Without the merge the third is somebody else; and what is known of the first stays known.
    await client.post(f"/v1/merges/{merged['id']}/undo")
    await scan("contacts", full=True)
    assert await pairs(client) == []


async def test_a_merge_hides_what_was_dismissed_for_its_loser(client, scan):
    first, second = await two(client)
    third = await client.made("contacts", {**JOHN, "first_name": "Jon"})
    await scan("contacts", full=True)
    assert len(await pairs(client)) == 3
    body = {"record_ids": [first["id"], second["id"]]}
    await client.post("/v1/contacts/duplicates/dismiss", json=body)
    merge = {"winner_id": third["id"], "loser_ids": [first["id"]]}
    merged = (await client.post("/v1/contacts/merge", json=merge)).json()
    assert await pairs(client) == []
    await client.post(f"/v1/merges/{merged['id']}/undo")
    open = [ids(pair) for pair in await pairs(client)]
    assert sorted(map(sorted, open)) == sorted(
        sorted([third["id"], other["id"]]) for other in (first, second)
    )


async def test_merging_a_pair_and_undoing_opens_it_again(client, scan):
    first, second = await two(client)
    await scan("contacts")
    (pair,) = await pairs(client)
    body = {"winner_id": second["id"], "fields": {"first_name": first["id"]}}
    answer = await client.post(f"/v1/contacts/duplicates/{pair['id']}/merge", json=body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["record"]["id"] == second["id"]
    assert told["record"]["first_name"] == "Jonathan"
    assert told["duplicate"]["status"] == "merged"
    assert told["duplicate"]["merge_id"] == told["merge_id"]
    assert answer.headers["location"] == f"/v1/merges/{told['merge_id']}"
    assert (await client.get(f"/v1/contacts/{first['id']}")).status_code == 308
    assert await pairs(client) == []
    (merged,) = await pairs(client, status="merged")
    assert merged["id"] == pair["id"]
    for verb, body in (("merge", {}), ("dismiss", None), ("reopen", None)):
        refused = await client.post(f"/v1/contacts/duplicates/{pair['id']}/{verb}", json=body)
        problem(refused, 409, "merged")
    undone = await client.post(f"/v1/merges/{told['merge_id']}/undo")
    assert undone.status_code == 200, undone.text
    (back,) = await pairs(client)
    kept = {k: v for k, v in back.items() if k not in {"version", "updated_at"}}
    assert kept == {k: v for k, v in pair.items() if k not in {"version", "updated_at"}}


async def test_a_merge_of_dismissed_records_is_dismissed_again_when_undone(client):
    first, second = await two(client)
    body = {"record_ids": [first["id"], second["id"]]}
    dismissed = (await client.post("/v1/contacts/duplicates/dismiss", json=body)).json()
    merge = {"winner_id": first["id"], "loser_ids": [second["id"]]}
    merged = (await client.post("/v1/contacts/merge", json=merge)).json()
    (pair,) = await pairs(client, status="merged")
    assert pair["id"] == dismissed["id"]
    await client.post(f"/v1/merges/{merged['id']}/undo")
    (pair,) = await pairs(client, status="any")
    assert (pair["status"], pair["merge_id"]) == ("not_duplicate", None)


async def test_pairs_with_a_record_in_the_bin_wait_there(client, scan):
    first, _ = await two(client)
    await scan("contacts")
    await client.delete(f"/v1/contacts/{first['id']}")
    assert await pairs(client) == []
    assert (await client.read("contacts/duplicates", count="exact"))["total"] == 0
    await client.post(f"/v1/contacts/{first['id']}/restore")
    assert len(await pairs(client)) == 1


async def test_a_chain_is_no_group(client, scan):
    """A is like B and B like C, but nobody takes A for C: M7 of the design."""
    first = await client.made(
        "contacts", {"first_name": "Anna", "last_name": "Example", "email": "anna@example.com"}
    )
    middle = await client.made(
        "contacts",
        {
            "first_name": "Anna",
            "last_name": "Example",
            "emails": [{"value": "anna@example.com"}, {"value": "boris@example.com"}],
        },
    )
    last = await client.made(
        "contacts", {"first_name": "Boris", "last_name": "Other", "email": "boris@example.com"}
    )
    await scan("contacts", full=True)
    found = {frozenset(ids(pair)) for pair in await pairs(client)}
    expected = {frozenset({one["id"], middle["id"]}) for one in (first, last)}
    assert found == expected
    assert all(pair["status"] == "open" for pair in await pairs(client))


async def test_events_tell_what_was_found_and_decided(client, scan):
    await two(client)
    await scan("contacts")
    (pair,) = await pairs(client)
    await client.post(f"/v1/contacts/duplicates/{pair['id']}/dismiss")
    await client.post(f"/v1/contacts/duplicates/{pair['id']}/reopen")
    await client.post(f"/v1/contacts/duplicates/{pair['id']}/merge")
    told = await client.told(pair["id"], 4)
    assert [event["type"] for event in told] == [
        "duplicate.found",
        "duplicate.dismissed",
        "duplicate.reopened",
        "duplicate.merged",
    ]


async def test_custom_fields_are_compared_when_the_policy_says_so(client):
    field = {"target": "contact", "name": "national_id", "type": "text"}
    defined = await client.made("custom-fields", field)
    shown = await policy(
        client,
        custom_fields=[{"name": "national_id", "kind": "number"}],
        unique=["custom.national_id"],
    )
    made = await client.made(
        "contacts", {"first_name": "Ann", "last_name": "Person", "custom": {"national_id": "77-1"}}
    )
    asked = {"first_name": "Ann", "last_name": "Persson", "custom": {"national_id": "77 1"}}
    (found,) = await check(client, asked)
    assert (found["id"], found["band"]) == (made["id"], "certain")
    unknown = {**asked, "custom": {"shoe_size": 42}}
    refused = await client.post("/v1/contacts/duplicates/check", json=unknown)
    assert pointers(problem(refused, 422)) == ["/custom/shoe_size"]
    assert "custom.national_id" in shown["fields"]
    twice = {"custom_fields": [{"name": "national_id"}] * 2}
    refused = await client.put("/v1/contacts/duplicates/policy", json=twice)
    assert pointers(problem(refused, 422)) == ["/custom_fields/1"]
    await client.delete(f"/v1/custom-fields/{defined['id']}")
    shown = await client.read("contacts/duplicates/policy")
    assert "custom.national_id" not in shown["fields"]
    assert shown["custom_fields"] == []
    assert all(c["band"] != "certain" for c in await check(client, {**asked, "custom": {}}))


async def test_unique_fields_of_ones_own_find_what_nothing_else_does(client):
    field = {"target": "contact", "name": "national_id", "type": "text", "unique": True}
    await client.made("custom-fields", field)
    compared = [{"name": "national_id", "kind": "exact"}]
    await policy(client, custom_fields=compared, unique=["custom.national_id"])
    made = await client.made("contacts", {"last_name": "Person", "custom": {"national_id": "7"}})
    (found,) = await check(client, {"last_name": "Else", "custom": {"national_id": "7"}})
    assert (found["id"], found["band"]) == (made["id"], "certain")


async def test_bad_input_names_the_mistake(client, other):
    first, second = await two(client)
    path = "/v1/contacts/duplicates"
    for body, code, pointer in (
        ({"record_ids": [first["id"]]}, "too_few", "/record_ids"),
        ({"record_ids": [first["id"], first["id"]]}, "itself", "/record_ids/1"),
        (
            {"record_ids": [first["id"], "01990000-0000-7000-8000-0000000000ff"]},
            "unknown_reference",
            "/record_ids/1",
        ),
    ):
        found = problem(await client.post(f"{path}/dismiss", json=body), 422)
        assert pointers(found) == [pointer], found
        assert found["errors"][0]["code"] == code
    foreign = {"record_ids": [first["id"], second["id"]]}
    assert pointers(problem(await other.post(f"{path}/dismiss", json=foreign), 422)) == [
        "/record_ids/0"
    ]
    unknown = "01990000-0000-7000-8000-0000000000ff"
    for verb in ("dismiss", "reopen", "merge"):
        problem(await client.post(f"{path}/{unknown}/{verb}", json={}), 404, "not_found")
    problem(await client.get(f"/v1/contacts/{unknown}/duplicates"), 404, "not_found")
    problem(await other.get(f"/v1/contacts/{first['id']}/duplicates"), 404, "not_found")
    problem(await client.post(f"{path}/check", json={"first_nam": "x"}), 422)
    problem(await client.get(f"{path}?status=closed"), 422)
    answer = await client.post(f"{path}/dismiss", json=foreign)
    id = answer.json()["id"]
    problem(await client.post(f"/v1/companies/duplicates/{id}/dismiss"), 404)
    problem(await other.post(f"{path}/{id}/reopen"), 404)
    found = problem(
        await client.post(f"{path}/{id}/merge", json={"winner_id": unknown}), 422, "validation"
    )
    assert pointers(found) == ["/winner_id"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "forbid"}, "/action"),
        ({"certain": 40}, ""),
        ({"certain": 101}, "/certain"),
        ({"unique": ["shoe_size"]}, "/unique/0"),
        ({"weights": {"shoe_size": 1}}, "/weights/shoe_size"),
        ({"weights": {"email": 9}}, "/weights/email"),
        ({"custom_fields": [{"name": "shoe_size"}]}, "/custom_fields/0/name"),
        ({"scan_every_hours": 0}, "/scan_every_hours"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_wrong_policies_are_refused(client, body, pointer):
    found = problem(await client.put("/v1/contacts/duplicates/policy", json=body), 422)
    assert pointers(found) == [pointer]


async def test_scopes(client, keyed):
    first, second = await two(client)
    reader = await keyed("contacts:read")
    problem(await reader.get("/v1/contacts/duplicates"), 403)
    problem(await reader.post("/v1/contacts/duplicates/scan"), 403)
    body = {"record_ids": [first["id"], second["id"]]}
    problem(await reader.post("/v1/contacts/duplicates/dismiss", json=body), 403)
    problem(await reader.put("/v1/contacts/duplicates/policy", json={}), 403)
    assert len(await check(reader, JOHN)) == 2
    stranger = await keyed("duplicates:write")
    problem(await stranger.post("/v1/contacts/duplicates/check", json=JOHN), 403)
    problem(await stranger.get(f"/v1/contacts/{first['id']}/duplicates"), 403)
    problem(await stranger.post("/v1/contacts/duplicates/dismiss", json=body), 403)
    dismissed = (await client.post("/v1/contacts/duplicates/dismiss", json=body)).json()
    path = f"/v1/contacts/duplicates/{dismissed['id']}"
    problem(await stranger.post(f"{path}/merge", json={}), 403)
    assert (await stranger.post(f"{path}/reopen")).status_code == 200


async def test_one_scan_at_a_time(client):
    path = "/v1/contacts/duplicates/scan"
    answers = await asyncio.gather(*(client.post(path) for _ in range(5)))
    answers.append(await client.post(path, json={"full": True}))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 1


async def test_a_merge_does_not_wait_in_a_ring_with_a_scan(client, scan, tx_of, org):
    """Who writes pairs down locks the pairs after that lock, and so must who merges one."""
    await two(client)
    await scan("contacts")
    (pair,) = await pairs(client)
    both = UUID(pair["first_id"]), UUID(pair["second_id"])
    async with unit_of_work(tx_of(org, "*")) as tx:
        records = DuplicateService(tx).records
        await records.lock("contact")
        merging = asyncio.create_task(
            client.post(f"/v1/contacts/duplicates/{pair['id']}/merge", json={})
        )
        done_by, _ = await asyncio.wait([merging], timeout=0.3)
        assert not done_by
        assert await records.stored("contact", [both])
    assert (await merging).status_code == 201
    (merged,) = await pairs(client, status="merged")
    assert merged["id"] == pair["id"]


async def test_rehearsals_leave_no_trace(client, scan):
    first, second = await two(client)
    await scan("contacts")
    (pair,) = await pairs(client)
    own = f"/v1/contacts/duplicates/{pair['id']}"
    body = {"record_ids": [first["id"], second["id"]]}
    for path, given, status in (
        (f"{own}/dismiss", None, 200),
        (f"{own}/merge", {}, 201),
        ("/v1/contacts/duplicates/dismiss", body, 200),
        ("/v1/contacts/duplicates/scan", {}, 202),
    ):
        answer = await client.post(f"{path}?dry_run=true", json=given)
        assert answer.status_code == status, answer.text
    kept = await client.read("contacts/duplicates/policy")
    dry = await client.put("/v1/contacts/duplicates/policy?dry_run=true", json={"action": "block"})
    assert dry.json()["action"] == "block"
    assert await client.read("contacts/duplicates/policy") == kept
    assert await pairs(client) == [pair]
    assert (await client.read("jobs", status="queued"))["data"] == []
    await client.made("contacts", JOHN)


async def test_what_was_decided_after_a_merge_outlives_its_undoing(client, scan):
    first, second = await two(client)
    third = await client.made("contacts", {**JOHN, "first_name": "Jon"})
    await scan("contacts", full=True)
    dismissed = {"record_ids": [first["id"], second["id"]]}
    await client.post("/v1/contacts/duplicates/dismiss", json=dismissed)
    merge = {"winner_id": third["id"], "loser_ids": [first["id"]]}
    merged = (await client.post("/v1/contacts/merge", json=merge)).json()
    # The merge has dismissed what is left of it and the second; somebody thinks otherwise.
    (known,) = (
        p
        for p in await pairs(client, status="not_duplicate")
        if ids(p) == {third["id"], second["id"]}
    )
    await client.post(f"/v1/contacts/duplicates/{known['id']}/reopen")
    later = {"record_ids": [third["id"], second["id"]]}
    again = (await client.post("/v1/contacts/duplicates/dismiss", json=later)).json()
    assert again["status"] == "not_duplicate"
    await client.post(f"/v1/merges/{merged['id']}/undo")
    states = {frozenset(ids(p)): p["status"] for p in await pairs(client, status="any")}
    assert states[frozenset((first["id"], second["id"]))] == "not_duplicate"
    assert states[frozenset((first["id"], third["id"]))] == "open"


async def test_policies_can_ask_for_scans(client, scan, owner, org):
    await policy(client, scan_every_hours=24)
    await policy(client, scan_every_hours=24)
    await scan("contacts")
    jobs = (await client.read("jobs", status="queued"))["data"]
    assert [job["kind"] for job in jobs] == ["duplicates.scan"]
    await owner.execute("UPDATE jobs SET run_at = now() WHERE organization_id = $1", org.id)
    async for _ in patiently():
        waiting = (await client.read("jobs", status="queued"))["data"]
        if waiting and waiting[0]["id"] != jobs[0]["id"]:
            break
    assert len(waiting) == 1
    assert (await client.read(f"jobs/{jobs[0]['id']}"))["result"]["full"] is False


@pytest.mark.parametrize(("through", "found"), [(False, 1), (True, 0)])
async def test_a_scan_goes_on_where_it_ended(client, owner, org, worker_settings, through, found):
    """Another worker takes the job over, with what was learnt and the rules that are done."""
    await two(client)
    answer = await client.post("/v1/contacts/duplicates/scan", json={"full": True})
    id = answer.json()["job_id"]
    rules = len(DuplicateService.matchers["contact"].rules)
    await owner.execute(
        "INSERT INTO duplicate_knowledge (organization_id, target, fields, frequencies, rate, "
        "records, learnt_at, job_id, position) VALUES ($1, 'contact', '{}', '{}', 0, 2, now(), $2, $3)",
        org.id,
        id,
        rules if through else 0,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(job_worker.run(worker_settings, stop=stop))
    job = await client.ended(id)
    stop.set()
    await running
    assert job["result"] == {"records": 2, "found": found, "full": True}
    assert job["progress"]["done"] == job["progress"]["total"]
    assert len(await pairs(client)) == found
