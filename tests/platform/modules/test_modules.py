"""What of the product an organization has on."""

import asyncio
import csv
import io
import json

import pytest

from crm_api.kit.db.catalogues import REMEMBERED_S
from crm_api.platform.modules.schemas import ModuleOut
from support.clients import problem
from support.exports import downloaded, ended
from support.graph import as_graph, selection
from support.rules import TAG, Rules
from support.waiting import patiently
from support.working import at_work

ROWS = "first_name,last_name\n" + "".join(f"Sample,Person {n}\n" for n in range(5))


async def switch(api, key, state, **params):
    answer = await api.post(f"/v1/modules/{key}/{state}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def enabled_everywhere():
    """The worker has its own memory of what is switched off."""
    await asyncio.sleep(REMEMBERED_S + 0.1)


async def uploaded(client, **form):
    answer = await client.post(
        "/v1/imports",
        files={"file": ("people.csv", ROWS.encode())},
        data={"entity": "contact", **form},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def started(client, id):
    answer = await client.post(f"/v1/imports/{id}/start")
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


async def test_the_list_shows_the_graph_and_the_records(client):
    await client.made("contacts", {"last_name": "Person"})
    modules = {m["key"]: m for m in (await client.read("modules"))["data"]}
    contacts = modules["contacts"]
    assert contacts["depends_on"] == ["companies"]
    needing = [key for key, module in modules.items() if "companies" in module["depends_on"]]
    assert modules["companies"]["required_by"] == needing
    assert "contacts" in needing
    assert contacts["state"] == "enabled"
    assert contacts["usage"] == [
        {"collection": "contacts", "count": 1, "is_exact": True},
        {"collection": "employments", "count": 0, "is_exact": True},
        {"collection": "contact_relationships", "count": 0, "is_exact": True},
    ]
    assert modules["identity"]["switchable"] is False
    assert await client.read("modules/contacts") == contacts
    problem(await client.get("/v1/modules/nonsense"), 404, "not_found")
    problem(await client.post("/v1/modules/nonsense/disable"), 404, "not_found")


async def test_both_faces_show_the_same(client):
    shown = selection(ModuleOut)
    listed = (await client.data(f"{{ modules {{ {shown} }} }}"))["modules"]
    over_rest = (await client.read("modules"))["data"]
    assert listed == [as_graph(ModuleOut, module) for module in over_rest]
    document = """mutation($key: String!) {
        disableModule(key: $key, cascade: true) { changes { key before after } } }"""
    done = (await client.data(document, key="companies"))["disableModule"]
    needing = next(m for m in over_rest if m["key"] == "companies")["required_by"]
    closed = [change["key"] for change in done["changes"]]
    assert (set(closed), closed[-1]) == ({*needing, "companies"}, "companies")
    assert await client.data(
        '{ module(key: "contacts") { state } nothing: module(key: "x") { key } }'
    ) == {
        "module": {"state": "disabled"},
        "nothing": None,
    }
    document = 'mutation { enableModule(key: "contacts", cascade: true) { state } }'
    assert (await client.data(document))["enableModule"] == {"state": "enabled"}
    document = 'mutation { makeModuleReadOnly(key: "contacts") { state } }'
    assert (await client.data(document))["makeModuleReadOnly"] == {"state": "read_only"}
    problem(await client.post("/v1/contacts", json={"last_name": "A"}), 409, "module_read_only")


async def test_the_impact_counts_what_stands_behind(client):
    for n in range(3):
        person = await client.made("contacts", {"last_name": f"Person {n}"})
    said = {"target": "contact", "record_id": person["id"], "body": "Please call back."}
    await client.made("comments", said)
    await Rules(client).active(TAG, trigger={"type": "manual", "entity": "contact"})
    step = {"name": "Sales", "approvers": [{"kind": "owner_lead"}]}
    policy = {"name": "All", "target": "contact", "steps": [step]}
    await client.made("approval-policies", policy)
    path = f"/v1/contacts/{person['id']}/attachments"
    assert (await client.post(f"{path}?filename=a.txt", content=b"An example.")).is_success
    await client.made("views", {"name": "Mine", "target": "contact"})
    await client.made("custom-fields", {"target": "contact", "name": "tier", "type": "text"})
    job_id = await started(client, await uploaded(client))
    names = ("approval_policies", "attachments", "automations", "comments")
    names += ("custom_fields", "imports", "views")
    expected = {**dict.fromkeys(names, 1), "bulk_changes": 0}
    done = await switch(client, "contacts", "disable", cascade=True, dry_run=True)
    held = {"collection": "contacts", "count": 3, "is_exact": True}
    assert held in done["impact"]["records"]
    assert {use["name"]: use["count"] for use in done["impact"]["uses"]} == expected
    done = await switch(client, "imports", "disable", dry_run=True)
    assert done["impact"]["queued_jobs"] == 1
    assert (await client.read(f"jobs/{job_id}"))["status"] == "queued"


async def test_switching_takes_its_scope(keyed):
    reader = await keyed("modules:read")
    assert (await reader.get("/v1/modules")).status_code == 200
    found = problem(await reader.post("/v1/modules/views/disable"), 403, "insufficient_scope")
    assert found["scope"] == "modules:write"
    stranger = await keyed("contacts:*")
    problem(await stranger.get("/v1/modules"), 403, "insufficient_scope")


async def test_a_switch_is_told_once(client):
    for _ in range(2):
        await switch(client, "views", "disable")
    await switch(client, "views", "enable")
    found = []
    async for _ in patiently():
        feed = await client.read("events", types="module.*")
        found = [(e["type"], e["data"], e["previous"], e["version"]) for e in feed["data"]]
        if len(found) == 2:
            break
    assert found == [
        ("module.disabled", {"key": "views", "state": "disabled"}, {"state": "enabled"}, 1),
        ("module.enabled", {"key": "views", "state": "enabled"}, {"state": "disabled"}, 2),
    ]
    shown = await client.read("modules/views")
    assert shown["changed_at"] is not None


async def test_the_feed_has_no_holes(client):
    made = await client.made("contacts", {"last_name": "Person"})
    await switch(client, "contacts", "disable", cascade=True)
    [event] = await client.told(made["id"], 1)
    assert event["type"] == "contact.created"
    problem(await client.get(f"/v1/contacts/{made['id']}/history"), 404, "module_disabled")
    document = 'query($id: UUID!) { history(entity: "contact", id: $id) { nextCursor } }'
    answer = await client.gql(document, id=made["id"])
    assert answer["errors"][0]["extensions"]["code"] == "module_disabled"


async def test_nothing_leads_around_the_door(client):
    company = await client.made("companies", {"name": "Example"})
    await client.made("contacts", {"last_name": "Hidden", "company_id": company["id"]})
    view = await client.made("views", {"name": "All", "target": "company"})
    await switch(client, "contacts", "disable", cascade=True)
    assert (await client.read("search", q="Hidden"))["data"] == []
    problem(await client.get("/v1/search?q=Hidden&types=contact"), 404, "module_disabled")
    body = {"name": "Mine", "target": "contact"}
    problem(await client.post("/v1/views", json=body), 404, "module_disabled")
    operation = {"op": "create", "entity": "contact", "data": {"last_name": "A"}}
    answer = await client.post("/v1/batch", json={"operations": [operation]})
    assert problem(answer, 422)["errors"][0]["code"] == "module_disabled"
    problem(await client.post("/v1/contacts/export", json={}), 404, "module_disabled")
    document = "mutation($i: ExportInput!) { exportContacts(input: $i) { jobId } }"
    answer = await client.gql(document, i={})
    assert answer["errors"][0]["extensions"]["code"] == "module_disabled"
    await switch(client, "views", "disable")
    problem(await client.get(f"/v1/companies?view={view['id']}"), 404, "module_disabled")
    assert (await client.get("/v1/companies")).status_code == 200


async def test_the_rest_of_the_same_request_obeys(client):
    document = """mutation { disableModule(key: "contacts", cascade: true) { state }
        createContact(input: { lastName: "A" }) { id } }"""
    answer = await client.gql(document)
    assert answer["errors"][0]["extensions"]["code"] == "module_disabled"
    assert (await client.read("modules/contacts"))["state"] == "disabled"
    # What is rolled back was not switched.
    document = """mutation { enableModule(key: "contacts", dryRun: true) { state }
        createContact(input: { lastName: "A" }) { id } }"""
    answer = await client.gql(document)
    assert answer["errors"][0]["extensions"]["code"] == "module_disabled"


async def test_custom_fields_and_switches_are_kept_side_by_side(client):
    await switch(client, "views", "disable")
    await client.made("custom-fields", {"target": "contact", "name": "tier", "type": "text"})
    problem(await client.get("/v1/views"), 404, "module_disabled")
    await switch(client, "views", "read-only")
    made = await client.made("contacts", {"last_name": "A", "custom": {"tier": "gold"}})
    assert made["custom"] == {"tier": "gold"}


async def test_waiting_jobs_are_skipped_and_told(client, worker_settings):
    id = await uploaded(client)
    job_id = await started(client, id)
    await switch(client, "imports", "disable")
    async with at_work(worker_settings):
        job = await client.ended(job_id, "cancelled")
        assert job["error"]["code"] == "module_disabled"
        assert job["error"]["module"] == "imports"
        await switch(client, "imports", "enable")
        await enabled_everywhere()
        await client.ended(await started(client, id))
    assert (await client.read("contacts", count="exact"))["total"] == 5


@pytest.mark.parametrize("state", ["disable", "read-only"])
async def test_an_import_stops_where_its_records_are_switched_off(client, worker_settings, state):
    id = await uploaded(client)
    job_id = await started(client, id)
    await switch(client, "contacts", state, cascade=True)
    code = "module_disabled" if state == "disable" else "module_read_only"
    async with at_work(worker_settings):
        job = await client.ended(job_id, "cancelled")
        assert job["error"]["code"] == code
        record = await client.read(f"imports/{id}")
        assert (record["status"], record["failure"]["code"]) == ("failed", code)
        await switch(client, "contacts", "enable")
        assert (await client.read("contacts", count="exact"))["total"] == 0
        await enabled_everywhere()
        await client.ended(await started(client, id))
    assert (await client.read("contacts", count="exact"))["total"] == 5


async def test_a_change_by_filter_stops(client, worker_settings):
    await client.made("contacts", {"last_name": "Person"})
    asked = {"filter": {}, "action": "tag", "tags": ["x"], "expected_count": 1}
    answer = await client.post("/v1/contacts/bulk/by-filter", json=asked)
    assert answer.status_code == 202, answer.text
    await switch(client, "contacts", "read-only")
    async with at_work(worker_settings):
        job = await client.ended(answer.json()["job_id"], "cancelled")
    assert job["error"]["code"] == "module_read_only"
    assert (await client.read("contacts"))["data"][0]["tags"] == []


async def test_what_is_switched_off_can_be_taken_away(client, worker, keyed):
    for n in range(3):
        await client.made("contacts", {"last_name": f"Person {n}"})
    await switch(client, "contacts", "disable", cascade=True)
    answer = await client.post("/v1/modules/contacts/export", json={"format": "csv"})
    assert answer.status_code == 202, answer.text
    files = {}
    for begun in answer.json()["data"]:
        found = await ended(client, begun["export"]["id"])
        files[found["target"]] = (await downloaded(client, found["download_url"])).text
    rows = list(csv.DictReader(io.StringIO(files["contact"])))
    assert sorted(row["last_name"] for row in rows) == ["Person 0", "Person 1", "Person 2"]
    assert "employment" in files
    document = 'mutation { exportModule(key: "contacts") { jobId export { target format } } }'
    begun = (await client.data(document))["exportModule"]
    assert {b["export"]["target"] for b in begun} == {
        "contact",
        "employment",
        "contact_relationship",
    }
    for each in begun:
        await client.ended(each["jobId"])
    # The rest of the organization sees nothing of it, and not everybody may do it.
    problem(await client.get("/v1/contacts"), 404, "module_disabled")
    weak = await keyed("*:read", "*:export", "exports:write")
    problem(await weak.post("/v1/modules/contacts/export", json={}), 403, "insufficient_scope")
    weaker = await keyed("modules:write", "contacts:read")
    problem(await weaker.post("/v1/modules/contacts/export", json={}), 403, "insufficient_scope")
    problem(await client.post("/v1/modules/identity/export", json={}), 404, "not_found")


async def test_a_read_only_module_is_exported_as_always(client, worker):
    await client.made("contacts", {"last_name": "Person"})
    await switch(client, "contacts", "read-only")
    answer = await client.post("/v1/contacts/export", json={})
    assert answer.status_code == 202, answer.text
    assert (await ended(client, answer.json()["export"]["id"]))["rows"] == 1


async def test_documents_have_entity_tags(client, anonymous):
    answer = await client.get("/v1/openapi.json")
    tag = answer.headers["etag"]
    assert json.loads(answer.content)["info"]["title"] == "crm-api"
    again = await client.get("/v1/openapi.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    await switch(client, "views", "disable")
    again = await client.get("/v1/openapi.json", headers={"If-None-Match": tag})
    assert again.status_code == 200
    problem(await anonymous.get("/v1/openapi.json"), 401)


async def test_other_organizations_have_their_own_switches(client, other):
    await switch(client, "companies", "disable", cascade=True)
    assert (await other.get("/v1/companies")).status_code == 200
    assert (await other.read("modules/companies"))["state"] == "enabled"
