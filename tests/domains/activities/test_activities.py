"""Activities: what happened stays, what they are about is there, and what lies around it."""

import asyncio

from support.clients import pointers, problem
from support.members import custom_role, member


async def activity(api, **more):
    body = {"kind": "call", "subject": "Call about the offer", "is_internal": True, **more}
    return await api.made("activities", body)


async def act(api, one, verb, status=200, **body):
    answer = await api.post(f"/v1/activities/{one['id']}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def seeing(api, **levels):
    levels = {"activities": {"read": "all"}, **levels}
    return await member(api, await custom_role(api, levels=levels))


async def ids(api, **params):
    answer = await api.get("/v1/activities", params={"sort": "created_at", **params})
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


async def test_what_happened_changes_only_by_a_correction(client):
    one = await activity(client, outcome="reached", external_ids={"pbx": "1"})
    assert (one["status"], one["completed_at"] is not None) == ("completed", True)
    path, other = f"/v1/activities/{one['id']}", {"outcome": "missed"}
    operation = {"op": "update", "entity": "activity", "id": one["id"], "patch": other}
    document = """
        mutation ($id: UUID!) { updateActivity(id: $id, input: {outcome: "missed"}) { id } }
    """
    for answer in (
        await client.patch(path, json=other),
        await client.post("/v1/activities/upsert?match=external_id", json={**one_of(one), **other}),
        await client.post(
            "/v1/activities/bulk",
            json={"op": "update", "items": [{"id": one["id"], "patch": other}]},
        ),
        await client.post("/v1/batch", json={"operations": [operation]}),
    ):
        assert "activity_completed" in answer.text, answer.text
    assert "activity_completed" in str(await client.gql(document, id=one["id"]))
    await client.changed(f"activities/{one['id']}", {"tags": ["large"], "external_ids": None})
    assert (await client.get(path)).json()["outcome"] == "reached"
    wrong = {"reason": "Another number.", "changes": {"is_internal": False}}
    answer = await client.post(f"{path}/correct", json=wrong)
    assert pointers(problem(answer, 422)) == ["/changes/links"]
    problem(await client.post(f"{path}/correct", json={"changes": other}), 422)
    fixed = await act(client, one, "correct", reason="Another number.", changes=other)
    assert (fixed["outcome"], fixed["correction_reason"]) == ("missed", "Another number.")
    history = (await client.get(f"{path}/history")).json()["data"]
    assert "activity.corrected" in str(history)
    planned = await activity(client, status="planned")
    await act(client, planned, "correct", 409, reason="Why.", changes=other)


def one_of(made):
    names = ("kind", "subject", "is_internal", "external_ids")
    return {name: made[name] for name in names}


async def test_what_is_planned_is_completed_with_what_comes_next(client):
    times = {"starts_at": "2026-01-02T09:00:00Z", "ended_at": "2026-01-02T09:30:00Z"}
    one = await activity(client, status="planned", **times)
    assert one["duration"] == 1800
    done = await act(
        client, one, "complete", outcome="reached", next_task={"subject": "Send the offer"}
    )
    assert (done["status"], done["outcome"]) == ("completed", "reached")
    assert (await client.get(f"/v1/tasks/{done['next_task_id']}")).status_code == 200
    await act(client, one, "complete", 409)
    later = await activity(client, starts_at="2040-01-01T09:00:00Z")
    assert later["status"] == "planned"
    assert (await act(client, later, "cancel"))["status"] == "cancelled"
    assert (await act(client, later, "reopen"))["status"] == "planned"


async def test_an_activity_has_a_party_that_is_there(client):
    least = {"kind": "call", "subject": "Call", "status": "planned"}
    problem(await client.post("/v1/activities", json=least), 422, "no_party")
    contact = await client.made("contacts", {"last_name": "Person"})
    for link, at in (
        ({"target": "planet", "record_id": contact["id"]}, "/links/0/target"),
        ({"target": "company", "record_id": contact["id"]}, "/links/0/record_id"),
    ):
        answer = await client.post("/v1/activities", json={**least, "links": [link]})
        assert pointers(problem(answer, 422)) == [at]
    link = {"target": "contact", "record_id": contact["id"], "role": "organizer"}
    made = await client.made("activities", {**least, "links": [link]})
    answer = await client.patch(f"/v1/activities/{made['id']}", json={"links": None})
    problem(answer, 422, "no_party")


async def test_what_is_about_a_company_rolls_up(client):
    company = await client.made("companies", {"name": "Example"})
    contact = await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})
    deal = await client.made("deals", {"name": "Chairs", "company_id": company["id"]})
    link = {"target": "contact", "record_id": contact["id"], "role": "participant"}
    of_company = await activity(client, company_id=company["id"])
    of_contact = await activity(client, links=[link])
    of_deal = await activity(client, deal_id=deal["id"])
    await activity(client)
    about = f"company:{company['id']}"
    assert await ids(client, about=about) == [of_company["id"]]
    whole = [of_company["id"], of_contact["id"], of_deal["id"]]
    assert await ids(client, about=about, rollup="true") == whole
    assert await ids(client, about=f"contact:{contact['id']}") == [of_contact["id"]]
    document = """
        query ($about: String!) {
          activities(where: {about: {record: $about, rollup: true}}) { totalCount }
        }
    """
    assert (await client.data(document, about=about))["activities"]["totalCount"] == 3
    # Who sees no contacts finds nothing by them, and nothing at all of a company out of sight.
    own = {"contacts": {"read": "none"}, "companies": {"read": "all"}, "deals": {"read": "all"}}
    one = await seeing(client, **own)
    assert await ids(one.api, about=about, rollup="true") == [of_company["id"], of_deal["id"]]
    one = await seeing(client, companies={"read": "own"}, contacts={"read": "all"})
    assert await ids(one.api, about=about, rollup="true") == []
    for wrong in ("company", "planet:1", "company:1"):
        problem(await client.get("/v1/activities", params={"about": wrong}), 422)
    problem(await client.get("/v1/contacts", params={"about": about}), 422)


async def test_links_follow_merges_and_end_with_what_they_lead_to(client):
    one = await client.made("contacts", {"last_name": "Person"})
    other = await client.made("contacts", {"last_name": "Person"})
    links = [{"target": "contact", "record_id": one["id"]}]
    links += [{"target": "contact", "record_id": other["id"]}]
    made = await activity(client, links=links, contact_id=other["id"])
    path = f"/v1/activities/{made['id']}"
    answer = await client.post(
        "/v1/contacts/merge", json={"winner_id": one["id"], "loser_ids": [other["id"]]}
    )
    assert answer.status_code == 201, answer.text
    found = (await client.get(path)).json()
    assert (found["contact_id"], [link["record_id"] for link in found["links"]]) == (
        one["id"],
        [one["id"]],
    )
    assert await ids(client, about=f"contact:{one['id']}") == [made["id"]]
    answer = await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert answer.status_code == 200, answer.text
    found = (await client.get(path)).json()
    assert [link["record_id"] for link in found["links"]] == [one["id"], other["id"]]
    task = await client.made("tasks", {"subject": "Ask"})
    linked = await activity(client, links=[{"target": "task", "record_id": task["id"]}])
    answer = await client.delete(f"/v1/tasks/{task['id']}", params={"purge": "true"})
    assert answer.status_code == 204, answer.text
    assert (await client.get(f"/v1/activities/{linked['id']}")).json()["links"] == []


async def test_of_a_user_one_timer_runs(client):
    person = await member(client, "sales_rep")
    one, other = [await activity(person.api, status="planned") for _ in range(2)]
    paths = [f"/v1/activities/{made['id']}/start-timer" for made in (one, other)]
    answers = await asyncio.gather(*(person.api.post(path) for path in paths))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert "timer_running" in "".join(answer.text for answer in answers)
    timed = next(answer.json() for answer in answers if answer.status_code == 200)
    stopped = await act(person.api, timed, "stop-timer")
    assert stopped["timer_started_at"] is None
    assert stopped["duration"] >= 0
    await act(person.api, timed, "stop-timer", 409)


async def test_a_timer_starts_after_the_planned_end_too(client):
    person = await member(client, "sales_rep")
    over = {"status": "planned", "ended_at": "2026-01-02T09:30:00Z"}
    started = await act(person.api, await activity(person.api, **over), "start-timer")
    assert started["timer_user_id"] == person.id
    assert (started["starts_at"], started["ended_at"]) == (None, over["ended_at"])


async def test_completing_sets_nothing_that_is_read_only(client):
    levels = {"activities": {"read": "all", "update": "all"}}
    masks = {"activity": {"read_only": ["outcome"]}}
    person = await member(client, await custom_role(client, levels=levels, masks=masks))
    one = await activity(client, status="planned")
    refused = await act(person.api, one, "complete", 403, outcome="reached")
    assert refused["code"] == "read_only_field"
    assert (await act(person.api, one, "complete"))["status"] == "completed"
