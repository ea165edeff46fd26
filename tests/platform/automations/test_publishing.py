"""Drafts and versions: what is published is whole and stays as it is, at both faces."""

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.rules import CREATED, TAG

BRANCH = {"action": "branch", "if": {"lifecycle": "lead"}, "then": [TAG], "else": [TAG]}
STOP = {"action": "stop"}


async def mistakes(rules, **body):
    made = await rules.client.made("automations", {"name": "Example", **body})
    found = problem(await rules.client.post(f"/v1/automations/{made['id']}/publish"), 422)
    assert (await rules.client.read(f"automations/{made['id']}"))["status"] == "draft"
    return [(error["pointer"], error["code"]) for error in found["errors"]]


@pytest.mark.parametrize(
    ("trigger", "wrong"),
    [
        ({}, [("/trigger/type", "required")]),
        ({"type": "eclipse"}, [("/trigger/type", "not_a_choice")]),
        ({"type": "event"}, [("/trigger/events", "required")]),
        ({"type": "event", "events": ["contact.eaten"]}, [("/trigger/events/0", "unknown_type")]),
        (
            {"type": "event", "events": ["automation.paused"]},
            [("/trigger/events/0", "unknown_type")],
        ),
        (
            {"type": "event", "events": ["contact.created", "company.created"]},
            [("/trigger/events/1", "mixed_kinds")],
        ),
        (
            {"type": "field_changed", "entity": "contact", "fields": ["colour", "custom.shade"]},
            [("/trigger/fields/0", "unknown_field"), ("/trigger/fields/1", "unknown_field")],
        ),
        (
            {"type": "field_changed", "entity": "unicorn", "fields": ["name"]},
            [("/trigger/entity", "not_a_choice")],
        ),
        (
            {"type": "date", "entity": "contact", "field": "last_name"},
            [("/trigger/field", "not_a_date")],
        ),
        (
            {"type": "date", "entity": "contact", "field": "birth_date", "offset": "3h"},
            [("/trigger/offset", "not_in_days")],
        ),
        ({"type": "schedule", "every": "week"}, [("/trigger/weekdays", "required")]),
        (
            {"type": "schedule", "every": "day", "day_of_month": 3},
            [("/trigger/day_of_month", "unknown_field")],
        ),
        ({"type": "schedule", "every": "day", "at": "25:00"}, [("/trigger/at", "invalid")]),
        ({"type": "manual", "extra": 1}, [("/trigger/extra", "unknown_field")]),
    ],
)
async def test_triggers_are_checked(rules, trigger, wrong):
    assert await mistakes(rules, trigger=trigger, steps=[STOP]) == wrong


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([], [("/steps", "required")]),
        ([{}], [("/steps/0/action", "required")]),
        ([{"action": "dance"}], [("/steps/0/action", "not_a_choice")]),
        ([{**BRANCH, "then": [5]}], [("/steps/0/then/0", "invalid")]),
        ([STOP, TAG], [("/steps/1", "unreachable")]),
        (
            [{**BRANCH, "then": [STOP], "else": [TAG, STOP]}, TAG],
            [("/steps/1", "unreachable")],
        ),
        ([{**BRANCH, "if": {"colour": "red"}}], [("/steps/0/if/colour", "unknown_field")]),
        ([{**BRANCH, "then": [], "else": []}], [("/steps/0/then", "required")]),
        (
            [{"action": "update", "patch": {"last_name": 1, "colour": "red"}}],
            [("/steps/0/patch/last_name", "invalid"), ("/steps/0/patch/colour", "unknown_field")],
        ),
        (
            [{"action": "update", "patch": {"last_name": {"$ref": "record.colour"}}}],
            [("/steps/0/patch/last_name", "unknown_field")],
        ),
        (
            [{"action": "update", "patch": {"source": {"$ref": "steps.later.id"}}}],
            [("/steps/0/patch/source", "unknown_reference")],
        ),
        (
            [{"action": "update", "patch": {"source": {"$ref": "moon.phase"}}}],
            [("/steps/0/patch/source", "unknown_reference")],
        ),
        (
            [{"action": "create", "entity": "user", "data": {"name": "A"}}],
            [("/steps/0/entity", "not_a_choice")],
        ),
        (
            [{"action": "create", "entity": "company", "data": {"industry": "bank"}}],
            [("/steps/0/data/name", "required")],
        ),
        (
            [{"action": "create", "entity": "contact", "match": "shoe", "data": {}}],
            [("/steps/0/match", "unknown_match")],
        ),
        (
            [{"action": "update", "entity": "company", "patch": {"name": "A"}}],
            [("/steps/0/id", "required")],
        ),
        ([{"action": "assign"}], [("/steps/0", "one_of")]),
        (
            [{"action": "assign", "users": ["01890000-0000-7000-8000-000000000000"]}],
            [("/steps/0/users/0", "unknown_reference")],
        ),
        ([{"action": "wait"}], [("/steps/0", "one_of")]),
        ([{"action": "wait", "duration": "-2d"}], [("/steps/0/duration", "negative")]),
        ([{"action": "wait", "until": "soon"}], [("/steps/0/until", "invalid_value")]),
        (
            [{"action": "notify", "subject": "A {{ record.colour }}", "text": "{{"}],
            [
                ("/steps/0/subject", "unknown_field"),
                ("/steps/0/text", "invalid_placeholder"),
                ("/steps/0/users", "required"),
            ],
        ),
        (
            [
                {
                    "action": "webhook",
                    "webhook_id": "01890000-0000-7000-8000-000000000000",
                    "data": {"a": {"$ref": "input.x"}},
                }
            ],
            [("/steps/0/webhook_id", "unknown_reference")],
        ),
        (
            [{**TAG, "name": "one"}, {**TAG, "name": "one"}],
            [("/steps/1/name", "repeated_name")],
        ),
        (
            [{**BRANCH, "then": [{"action": "dance"}], "else": []}],
            [("/steps/0/then/0/action", "not_a_choice")],
        ),
    ],
)
async def test_steps_are_checked_as_a_whole(rules, steps, wrong):
    assert await mistakes(rules, trigger=CREATED, steps=steps) == wrong


async def test_conditions_are_checked(rules):
    found = await mistakes(rules, trigger=CREATED, steps=[TAG], condition={"colour": "red"})
    assert found == [("/condition/colour", "unknown_field")]
    timer = {"type": "schedule", "every": "day"}
    found = await mistakes(rules, trigger=timer, steps=[STOP], condition={"last_name": "A"})
    assert found == [("/condition", "no_record")]
    assert await mistakes(rules, trigger=timer, steps=[TAG]) == [("/steps/0/action", "no_record")]


async def test_there_may_be_no_more_than_so_many(rules):
    deep = TAG
    for _ in range(6):
        deep = {**BRANCH, "then": [deep], "else": []}
    assert "too_deep" in {code for _, code in await mistakes(rules, trigger=CREATED, steps=[deep])}
    wide = [{**BRANCH, "then": [TAG] * 26, "else": [TAG] * 26}]
    assert await mistakes(rules, trigger=CREATED, steps=wide) == [("/steps", "too_many")]


async def test_versions_stay_as_they_are(rules, client):
    id = await rules.active(TAG)
    other = {"action": "update", "patch": {"tags": ["other"]}}
    await client.changed(f"automations/{id}", {"steps": [other]})
    assert (await client.read(f"automations/{id}"))["published_version"] == 1
    await rules.act(id, "publish")
    versions = (await client.read(f"automations/{id}/versions"))["data"]
    assert [(v["number"], v["steps"]) for v in versions] == [(2, [other]), (1, [TAG])]
    history = (await client.read(f"automations/{id}/history"))["data"]
    assert [e["type"] for e in history[:3]] == [
        "automation.published", "automation.updated", "automation.published",
    ]  # fmt: skip


async def test_it_is_published_as_it_was_seen(rules, client):
    id = await rules.draft(TAG)
    await client.changed(f"automations/{id}", {"name": "Changed"})
    answer = await client.post(f"/v1/automations/{id}/publish", headers={"If-Match": '"1"'})
    problem(answer, 412)


async def test_states(rules, client):
    id = await rules.draft(TAG)
    for action, body in (("pause", {}), ("resume", None), ("run", {"record_ids": []})):
        problem(await client.post(f"/v1/automations/{id}/{action}", json=body), 409)
    await rules.act(id, "publish")
    assert (await rules.act(id, "pause", {}))["paused_reason"] == "switched_off"
    assert (await rules.act(id, "resume"))["status"] == "active"
    assert (await client.delete(f"/v1/automations/{id}")).status_code == 204
    back = await rules.act(id, "restore")
    assert (back["status"], back["paused_reason"]) == ("paused", "deleted")
    assert (await client.delete(f"/v1/automations/{id}?purge=true")).status_code == 204


async def test_what_is_given_out_is_held(client, rules):
    """Nobody publishes what they could not do, and settings are for those who manage them."""
    own = dict.fromkeys(("read", "create", "update", "delete"), "none")
    role = await custom_role(
        client,
        levels={"*": {**own, "read": "all"}},
        permissions=["manage_settings"],
        masks={"contact": {"hidden": ["birth_date"]}},
    )
    keeper = await member(client, role)
    id = await rules.draft(TAG)
    problem(await keeper.api.post(f"/v1/automations/{id}/publish"), 403, "missing_right")
    branch = {**BRANCH, "if": {"birth_date": {"is_null": True}}, "then": [STOP], "else": []}
    id = await rules.draft(branch)
    found = problem(await keeper.api.post(f"/v1/automations/{id}/publish"), 403, "hidden_field")
    assert pointers(found) == ["/steps/0/if"]
    nobody = await member(client, await custom_role(client, levels={"*": own}))
    problem(await nobody.api.get(f"/v1/automations/{id}"), 403)
    problem(await nobody.api.post(f"/v1/automations/{id}/publish"), 403)


async def test_graphql_does_the_same(rules, client):
    id = await rules.draft(TAG)
    made = await client.data(
        "mutation($id: UUID!) { publishAutomation(id: $id) { status publishedVersion target } }",
        id=id,
    )
    assert made["publishAutomation"] == {
        "status": "active", "publishedVersion": 1, "target": "contact",
    }  # fmt: skip
    person = await client.made("contacts", {"last_name": "Person"})
    begun = await client.data(
        "mutation($id: UUID!, $of: [UUID!]) { runAutomation(id: $id, recordIds: $of)"
        " { id status recordId } }",
        id=id,
        of=[person["id"]],
    )
    (run,) = begun["runAutomation"]
    assert (run["status"], run["recordId"]) == ("queued", person["id"])
    asked = await client.data(
        "query($id: UUID!, $run: UUID!) { automationVersions(id: $id) { number steps }"
        " automationRuns(automationId: $id) { data { id } nextCursor }"
        " automationRun(id: $run) { status log { action } }"
        " automationVocabulary }",
        id=id,
        run=run["id"],
    )
    assert asked["automationVersions"] == [{"number": 1, "steps": [TAG]}]
    assert asked["automationRuns"] == {"data": [{"id": run["id"]}], "nextCursor": None}
    assert asked["automationRun"] == {"status": "queued", "log": []}
    words = {part["action"] for part in asked["automationVocabulary"]["actions"]}
    assert {"update", "create", "assign", "notify", "mail", "webhook", "wait", "branch"} <= words
    ended = await client.data(
        "mutation($run: UUID!) { cancelAutomationRun(id: $run) { status } }", run=run["id"]
    )
    assert ended["cancelAutomationRun"]["status"] == "cancelled"
    tried = await client.data(
        "mutation($id: UUID!, $of: UUID!) { testAutomation(id: $id, recordId: $of)"
        " { passes outcome steps { action outcome changes } } }",
        id=id,
        of=person["id"],
    )
    (step,) = tried["testAutomation"]["steps"]
    assert step["changes"][0]["data"] == {"tags": ["new"]}
    paused = await client.data(
        "mutation($id: UUID!) { pauseAutomation(id: $id, cancelRuns: true) { status }"
        " resumeAutomation(id: $id) { status } rotateAutomationHook(id: $id) }",
        id=id,
    )
    assert paused["resumeAutomation"] == {"status": "active"}


async def test_others_organizations_are_not_there(rules, client, other):
    id = await rules.active(TAG)
    person = await client.made("contacts", {"last_name": "Person"})
    (run,) = (await rules.act(id, "run", {"record_ids": [person["id"]]}, 202))["data"]
    for method, path in (
        ("POST", f"automations/{id}/publish"),
        ("POST", f"automations/{id}/resume"),
        ("POST", f"automations/{id}/rotate-hook"),
        ("GET", f"automations/{id}/versions"),
        ("GET", f"automations/{id}/runs"),
        ("GET", f"automation-runs/{run['id']}"),
        ("POST", f"automation-runs/{run['id']}/cancel"),
        ("POST", f"automation-runs/{run['id']}/retry"),
    ):
        problem(await other.request(method, f"/v1/{path}"), 404)
    mine = (await other.made("automations", {"name": "Mine", "trigger": CREATED, "steps": [TAG]}))[
        "id"
    ]
    assert (await other.post(f"/v1/automations/{mine}/publish")).status_code == 200
    body = {"record_ids": [person["id"]]}
    found = problem(await other.post(f"/v1/automations/{mine}/run", json=body), 422)
    assert pointers(found) == ["/record_ids/0"]


async def test_what_cannot_be_stored_is_refused(client):
    for text in ("\\u0000", "\\ud800"):
        for body in (
            f'{{"name": "A", "trigger": {{"type": "{text}"}}}}',
            f'{{"name": "A", "steps": [{{"{text}": 1}}]}}',
        ):
            headers = {"Content-Type": "application/json"}
            answer = await client.post("/v1/automations", content=body, headers=headers)
            problem(answer, 422)
