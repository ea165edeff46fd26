"""The people of a deal: who of those that are wanted is there, and what stages ask of that."""

import asyncio

from crm_api.domains.deals.parties import Committee
from support.clients import pointers, problem
from support.graph import as_graph
from support.members import custom_role, member
from support.selling import act, deal, known, pipeline, ways


async def test_a_committee_is_measured_by_what_the_pipeline_wants(client):
    where = await pipeline(client)
    wanted = ["champion", "economic_buyer", "technical"]
    await client.changed(f"pipelines/{where.id}", {"wanted_roles": wanted})
    made = await deal(client, where)
    path = f"deals/{made['id']}/committee"
    empty = await client.read(path)
    assert (empty["people"], empty["covered"], empty["gaps"]) == (0, 0, wanted)
    champion = await known(client, made, "champion", "user", influence=2)
    assert (await client.read(path))["is_single_threaded"]
    against = await known(client, made, "technical", influence=3, sentiment="negative")
    blocker = await known(client, made, "blocker", influence=5)
    found = await client.read(path)
    assert (found["people"], found["wanted"], found["covered"]) == (3, 3, 2)
    assert found["gaps"] == ["economic_buyer"]
    assert [one["id"] for one in found["blockers"]] == [blocker["id"], against["id"]]
    assert found["is_single_threaded"]
    assert {one["role"]: one["is_wanted"] for one in found["roles"]} == {
        "champion": True,
        "economic_buyer": True,
        "technical": True,
        "user": False,
        "blocker": False,
    }
    await known(client, made, sentiment="positive")
    assert not (await client.read(path))["is_single_threaded"]
    document = (
        "query($id: UUID!) { dealCommittee(id: $id) { people gaps isSingleThreaded "
        "roles { role isWanted contactIds } blockers { contactId roles influence sentiment } } }"
    )
    rest = as_graph(Committee, await client.read(path))
    shown = (await client.data(document, id=made["id"]))["dealCommittee"]
    assert {name: rest[name] for name in ("people", "gaps", "isSingleThreaded", "roles")} == {
        name: value for name, value in shown.items() if name != "blockers"
    }
    assert len(shown["blockers"]) == 2
    nested = await client.read(f"deals/{made['id']}/contacts", include="contact")
    assert champion["id"] in {one["id"] for one in nested["data"]}
    assert all(one["contact"]["last_name"] == "Person" for one in nested["data"])
    masks = {"deal_contact": {"hidden": ["roles"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    problem(await (await member(client, role)).api.get(f"/v1/{path}"), 403, "hidden_field")


async def test_reading_a_committee_is_reading_what_people_are(client):
    made = await deal(client, await pipeline(client))
    person = await known(client, made, sentiment="negative")
    watched = {"reads": [{"entity": "deal_contact", "fields": ["sentiment", "note"]}]}
    answer = await client.put("/v1/audit/settings", json=watched)
    assert answer.status_code == 200, answer.text
    await client.read(f"deals/{made['id']}/committee")
    (event,) = (await client.read("audit", **{"filter[type]": "deal_contact.read"}))["data"]
    assert (event["data"]["fields"], event["data"]["ids"]) == (["sentiment"], [person["id"]])


async def test_a_stage_asks_for_roles(client):
    where = await pipeline(client, Offer={"required_roles": ["champion", "economic_buyer"]})
    made = await deal(client, where)
    await known(client, made, "champion")
    found = await act(client, made["id"], "move", 409, stage_id=where["Offer"])
    assert [(one["code"], one["pointer"]) for one in found["errors"]] == [
        ("missing_role", "/contacts")
    ]
    assert "economic_buyer" in found["detail"]
    assert (await ways(client, made["id"]))["move", "Offer"] == ["missing_role"]
    buyer = await known(client, made, "economic_buyer")
    await client.delete(f"/v1/deal-contacts/{buyer['id']}")
    await act(client, made["id"], "move", 409, stage_id=where["Offer"])
    await client.post(f"/v1/deal-contacts/{buyer['id']}/restore")
    await act(client, made["id"], "move", stage_id=where["Offer"])


async def test_a_person_is_in_a_deal_once(client):
    made = await deal(client, await pipeline(client))
    contact = await client.made("contacts", {"last_name": "Person"})
    body = {"deal_id": made["id"], "contact_id": contact["id"]}
    answers = await asyncio.gather(*(client.post("/v1/deal-contacts", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    wrong = {**body, "roles": ["friend"], "influence": 6}
    found = problem(await client.post("/v1/deal-contacts", json=wrong), 422)
    assert sorted(pointers(found)) == ["/influence", "/roles/0"]


async def test_people_who_become_one_are_so_in_each_deal(client):
    where = await pipeline(client)
    both, only = await deal(client, where), await deal(client, where)
    kept = await known(client, both, "user", note="An example.")
    gone = await known(client, both, "champion", "user", influence=4, note="Another one.")
    body = {"deal_id": only["id"], "contact_id": gone["contact_id"], "roles": ["coach"]}
    await client.made("deal-contacts", body)
    merged = {"winner_id": kept["contact_id"], "loser_ids": [gone["contact_id"]]}
    answer = await client.post("/v1/contacts/merge", json=merged)
    assert answer.status_code == 201, answer.text
    (one,) = (await client.read(f"deals/{both['id']}/contacts"))["data"]
    assert one["id"] == kept["id"]
    assert (one["roles"], one["influence"]) == (["user", "champion"], 4)
    assert one["note"] == "An example."
    (other,) = (await client.read(f"deals/{only['id']}/contacts"))["data"]
    assert other["contact_id"] == kept["contact_id"]
    await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    names = ("contact_id", "roles", "influence", "note")
    rows = (await client.read(f"deals/{both['id']}/contacts"))["data"][::-1]
    assert [[row[n] for n in names] for row in rows] == [
        [row[n] for n in names] for row in (kept, gone)
    ]
