"""Moves of deals: what they may, and what stands in their way."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from support.clients import pointers, problem
from support.graph import camel
from support.members import custom_role, member
from support.selling import act, deal, pipeline, reason, ways


def codes(found):
    return [fault["code"] for fault in found["errors"]]


async def test_a_strict_pipeline_goes_step_by_step(client):
    where = await pipeline(client, "strict")
    made = await deal(client, where)
    assert await ways(client, made["id"]) == {
        ("move", "Offer"): [],
        ("move", "Terms"): ["skips_stages"],
        ("win", "Won"): ["skips_stages"],
        ("lose", "Lost"): [],
    }
    answer = await client.post(f"/v1/deals/{made['id']}/move", json={"stage_id": where["Terms"]})
    found = problem(answer, 409, "blocked_transition")
    assert (codes(found), pointers(found)) == (["skips_stages"], ["/stage_id"])
    assert "Offer" in found["detail"]
    for name in ("Offer", "Terms", "Offer", "Terms"):
        await act(client, made["id"], "move", stage_id=where[name])
    assert (await act(client, made["id"], "win"))["status"] == "won"


async def test_a_deal_begins_in_a_later_stage_with_what_that_stage_wants(client):
    strict = await pipeline(client, "strict")
    body = {"name": "Late", "stage_id": strict["Terms"]}
    found = problem(await client.post("/v1/deals", json=body), 409, "blocked_transition")
    assert (codes(found), pointers(found)) == (["skips_stages"], ["/stage_id"])
    assert await client.made("deals", {**body, "stage_id": strict["New"]})
    wants = {
        "required_fields": ["amount"],
        "entry_criteria": {"closes_on": {"is_null": False}},
        "required_artefacts": ["accepted_quote"],
    }
    free = await pipeline(client, Offer=wants)
    body = {"name": "Late", "stage_id": free["Offer"]}
    found = problem(await client.post("/v1/deals", json=body), 409, "blocked_transition")
    assert codes(found) == ["required_field", "entry_criteria", "artefact_needed"]
    document = """mutation($input: DealCreateInput!) { createDeal(input: $input) { id } }"""
    answer = await client.post(
        "/graphql",
        json={
            "query": document,
            "variables": {"input": {"name": "Late", "stageId": free["Offer"]}},
        },
    )
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "blocked_transition"
    assert not (
        await client.read("deals", **{"filter[name]": "Late", "filter[stage_id]": free["Offer"]})
    )["data"]


async def test_who_sees_only_their_own_begins_deals_of_others_in_later_stages(client):
    free = await pipeline(client, Offer={"required_fields": ["amount"]})
    levels = {"*": {"read": "all"}, "deals": {"read": "own", "create": "all"}}
    user = await member(client, await custom_role(client, levels=levels))
    other = await member(client, await custom_role(client, levels=levels))
    body = {"name": "Theirs", "stage_id": free["Offer"], "owner_id": other.id}
    found = problem(await user.api.post("/v1/deals", json=body), 409, "blocked_transition")
    assert codes(found) == ["required_field"]
    assert await user.api.made("deals", {**body, "amount": "10", "currency": "EUR"})


async def test_some_pipelines_only_go_forward(client):
    where = await pipeline(client, "forward_only")
    made = await deal(client, where)
    await act(client, made["id"], "move", stage_id=where["Terms"])
    found = await act(client, made["id"], "move", 409, stage_id=where["New"])
    assert codes(found) == ["goes_back"]
    free = await pipeline(client)
    await act(client, made["id"], "move", stage_id=free["Offer"])
    assert (await client.read(f"deals/{made['id']}"))["pipeline_id"] == free.id


async def test_all_that_is_in_the_way_is_told_at_once(client):
    await client.made("custom-fields", {"target": "deal", "name": "budget", "type": "text"})
    items = [
        {"key": "terms", "title": "Terms are agreed"},
        {"key": "cake", "title": "Cake", "is_required": False},
    ]
    where = await pipeline(
        client,
        New={"exit_criteria": {"tags": {"has": "ready"}}, "checklist": items},
        Offer={
            "required_fields": ["amount", "closes_on", "custom.budget"],
            "entry_criteria": {"and": [{"amount": {"gt": "50"}}], "company": {"name": {"eq": "A"}}},
        },
    )
    made = await deal(client, where)
    wanted = [
        ("not_checked", "/checked"),
        ("exit_criteria", "/tags"),
        ("required_field", "/amount"),
        ("required_field", "/closes_on"),
        ("required_field", "/custom/budget"),
        ("entry_criteria", "/amount"),
        ("entry_criteria", "/company_id"),
    ]
    found = await act(client, made["id"], "move", 409, stage_id=where["Offer"])
    assert list(zip(codes(found), pointers(found), strict=True)) == wanted
    assert (await ways(client, made["id"]))["move", "Offer"] == [code for code, _ in wanted]
    # Whoever loses a deal need not have done what it takes to go on.
    assert (await ways(client, made["id"]))["lose", "Lost"] == []
    company = await client.made("companies", {"name": "A"})
    patch = {
        "amount": "60",
        "closes_on": "2031-06-30",
        "custom": {"budget": "yes"},
        "company_id": company["id"],
        "tags": ["ready"],
        "checked": ["terms"],
    }
    await client.changed(f"deals/{made['id']}", patch)
    moved = await act(client, made["id"], "move", stage_id=where["Offer"])
    assert (moved["probability"], moved["expected_amount"]) == (40, "24.00")


async def test_criteria_of_a_field_that_is_gone_are_not_met(client):
    field = await client.made("custom-fields", {"target": "deal", "name": "fit", "type": "text"})
    criteria = {"custom": {"fit": {"eq": "yes"}}}
    where = await pipeline(client, Offer={"entry_criteria": criteria})
    made = await deal(client, where, custom={"fit": "yes"})
    assert (await ways(client, made["id"]))["move", "Offer"] == []
    await client.delete(f"/v1/custom-fields/{field['id']}")
    assert (await ways(client, made["id"]))["move", "Offer"] == ["entry_criteria"]


async def test_closed_stages_are_reached_by_their_own_actions(client):
    where = await pipeline(client)
    made = await deal(client, where)
    for name in ("Won", "Lost"):
        found = await act(client, made["id"], "move", 409, stage_id=where[name])
        assert codes(found) == ["not_open"]
    found = await act(client, made["id"], "move", 422, stage_id=made["id"])
    assert pointers(found) == ["/stage_id"]
    assert problem(await client.post(f"/v1/deals/{made['id']}/move", json={}), 422)


async def test_a_deal_is_lost_for_a_reason(client):
    where, why = await pipeline(client), await reason(client)
    made = await deal(client, where, amount="10")
    for body in ({}, {"loss_reason_id": None}):
        found = problem(await client.post(f"/v1/deals/{made['id']}/lose", json=body), 422)
        assert pointers(found) == ["/loss_reason_id"]
    problem(await client.post(f"/v1/deals/{made['id']}/lose"), 422)
    idle = await client.made("loss-reasons", {"name": "Other", "is_active": False})
    for unfit in (made["id"], idle["id"]):
        found = await act(client, made["id"], "lose", 422, loss_reason_id=unfit)
        assert pointers(found) == ["/loss_reason_id"]
    found = await act(client, made["id"], "lose", 422, loss_reason_id=why, stage_id=where["Won"])
    assert pointers(found) == ["/stage_id"]
    lost = await act(client, made["id"], "lose", loss_reason_id=why, comment="Too much")
    names = ("status", "stage_id", "loss_reason_id", "close_comment", "expected_amount")
    assert [lost[name] for name in names] == ["lost", where["Lost"], why, "Too much", "0.00"]
    assert lost["forecast_category"] == "omitted"


async def test_all_that_is_wrong_with_a_loss_is_told_at_once(client):
    where = await pipeline(client, Lost={"required_fields": ["competitor_id"]})
    asks = await client.made("loss-reasons", {"name": "Rival", "asks_competitor": True})
    made = await deal(client, where)
    idle = {"name": "Other", "is_active": False, "asks_competitor": True}
    gone = await client.made("loss-reasons", idle)
    found = await act(client, made["id"], "lose", 422, loss_reason_id=gone["id"])
    assert pointers(found) == ["/loss_reason_id", "/competitor_id"]
    found = await act(client, made["id"], "lose", 422, loss_reason_id=asks["id"])
    assert pointers(found) == ["/competitor_id"]
    rival = await client.made("companies", {"name": "Rival"})
    # What is said now is there when the stage asks for it.
    body = {"loss_reason_id": asks["id"], "competitor_id": rival["id"]}
    assert (await act(client, made["id"], "lose", **body))["competitor_id"] == rival["id"]


async def test_nothing_was_decided_on_a_day_that_is_yet_to_come(client):
    where, why = await pipeline(client), await reason(client)
    made = await deal(client, where)
    zone = "Pacific/Kiritimati"
    assert (await client.patch("/v1/organization", json={"time_zone": zone})).status_code == 200
    today = datetime.now(ZoneInfo(zone)).date()
    late = str(today + timedelta(days=1))
    for verb, body in (("win", {}), ("lose", {"loss_reason_id": why})):
        found = await act(client, made["id"], verb, 422, closed_on=late, **body)
        assert pointers(found) == ["/closed_on"]
    await act(client, made["id"], "win", closed_on=str(today))
    path, closed = f"/v1/deals/{made['id']}", {"name": "Old", "stage_id": where["Won"]}
    for answer in (
        await client.patch(path, json={"closes_on": late}),
        await client.post("/v1/deals", json={**closed, "closes_on": late}),
    ):
        assert pointers(problem(answer, 422)) == ["/closes_on"]
    assert (await client.made("deals", {**closed, "closes_on": str(today)}))["status"] == "won"


async def test_a_closed_deal_takes_no_steps_but_back(client):
    where, why = await pipeline(client), await reason(client)
    made = await deal(client, where, "Offer", amount="10", probability_override=90)
    won = await act(client, made["id"], "win", closed_on="2026-05-01")
    assert (won["probability"], won["closes_on"]) == (100, "2026-05-01")
    assert won["closed_at"]
    for verb, body in (
        ("win", {}),
        ("lose", {"loss_reason_id": why}),
        ("move", {"stage_id": where["New"]}),
    ):
        found = await act(client, made["id"], verb, 409, **body)
        assert (found["code"], found["deal_status"], found["allowed"]) == (
            "illegal_transition",
            "won",
            ["reopen"],
        )
    assert await ways(client, made["id"]) == {("reopen", "Offer"): []}
    back = await act(client, made["id"], "reopen")
    names = ("status", "stage_id", "closed_at", "probability")
    assert [back[name] for name in names] == ["open", where["Offer"], None, 90]
    found = await act(client, made["id"], "reopen", 409)
    assert found["code"] == "illegal_transition"
    await act(client, made["id"], "lose", loss_reason_id=why)
    back = await act(client, made["id"], "reopen", stage_id=where["New"])
    assert (back["stage_id"], back["loss_reason_id"]) == (where["New"], None)


async def test_of_parallel_ends_one_counts(client):
    where, why = await pipeline(client), await reason(client)
    made = await deal(client, where)
    answers = await asyncio.gather(
        *(client.post(f"/v1/deals/{made['id']}/win") for _ in range(6)),
        *(
            client.post(f"/v1/deals/{made['id']}/lose", json={"loss_reason_id": why})
            for _ in range(6)
        ),
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 11}
    events = await client.told(made["id"], 2)
    assert min(event["type"] for event in events) == "deal.created"
    assert len([e for e in events if e["type"] in {"deal.won", "deal.lost"}]) == 1
    assert len((await client.read(f"deals/{made['id']}/moves"))["data"]) == 1


async def test_moves_are_kept(client):
    where = await pipeline(client)
    made = await deal(client, where)
    await act(client, made["id"], "move", stage_id=where["Offer"], comment="They called")
    await act(client, made["id"], "win")
    moves = (await client.read(f"deals/{made['id']}/moves"))["data"]
    assert [(one["verb"], one["from_stage_id"], one["to_stage_id"]) for one in moves] == [
        ("won", where["Offer"], where["Won"]),
        ("moved", where["New"], where["Offer"]),
    ]
    assert moves[1]["comment"] == "They called"
    assert moves[1]["entered_at"] == made["created_at"]
    assert moves[1]["created_by"] == made["created_by"]
    assert all(one["seconds"] >= 0 for one in moves)
    types = [event["type"] for event in await client.told(made["id"], 3)]
    assert types == ["deal.created", "deal.moved", "deal.won"]
    answer = await client.delete(f"/v1/deals/{made['id']}", params={"purge": "true"})
    assert answer.status_code == 204, answer.text
    found = await client.data("{ dealMoves { nodes { id } } }")
    assert found["dealMoves"]["nodes"] == []


async def test_a_copy_begins_anew(client):
    where = await pipeline(client)
    made = await deal(client, where, "Terms", amount="10", tags=["large"], closes_on="2031-01-01")
    await act(client, made["id"], "win")
    answer = await client.post(f"/v1/deals/{made['id']}/clone")
    assert answer.status_code == 201, answer.text
    copy = answer.json()
    assert answer.headers["location"] == f"/v1/deals/{copy['id']}"
    names = ("status", "stage_id", "amount", "tags", "closes_on")
    assert [copy[name] for name in names] == ["open", where["New"], "10.00", ["large"], None]


async def test_a_copy_has_the_custom_values_that_two_may_have(client):
    for name, more in (("branch", {}), ("ticket", {"unique": True})):
        body = {"target": "deal", "name": name, "type": "text", **more}
        await client.made("custom-fields", body)
    own = {"custom": {"branch": "North", "ticket": "T-1"}}
    made = await deal(client, await pipeline(client), "Terms", **own)
    answer = await client.post(f"/v1/deals/{made['id']}/clone")
    assert answer.status_code == 201, answer.text
    assert answer.json()["custom"] == {"branch": "North"}


async def test_a_copy_hides_what_its_original_does(client):
    company = await client.made("companies", {"name": "Example Works"})
    own = {"amount": "10", "description": "Told to some.", "tags": ["large"]}
    made = await deal(client, await pipeline(client), company_id=company["id"], **own)
    levels = {"deals": {"read": "all", "create": "all"}}
    masks = {"deal": {"hidden": ["amount", "description"], "read_only": ["tags"]}}
    seller = await member(client, await custom_role(client, levels=levels, masks=masks))
    answer = await seller.api.post(f"/v1/deals/{made['id']}/clone")
    assert answer.status_code == 201, answer.text
    copy = answer.json()
    names = ("amount", "expected_amount", "description", "tags")
    assert [copy[name] for name in names] == [None, None, None, ["large"]]
    assert copy["company_id"] == company["id"]
    whole = await client.read(f"deals/{copy['id']}")
    assert [whole[name] for name in names[::2]] == ["10.00", "Told to some."]
    levels = {"deals": {"read": "all", "update": "all"}}
    reader = await member(client, await custom_role(client, levels=levels))
    problem(await reader.api.post(f"/v1/deals/{made['id']}/clone"), 403)


async def test_versions_and_rehearsals_are_heeded(client):
    where = await pipeline(client)
    made = await deal(client, where)
    path = f"/v1/deals/{made['id']}/win"
    problem(await client.post(path, headers={"If-Match": '"7"'}), 412)
    assert (await client.post(path, params={"dry_run": "true"})).json()["status"] == "won"
    assert (await client.read(f"deals/{made['id']}"))["status"] == "open"


async def test_reopening_is_no_way_round_the_steps(client):
    """Where a deal was it may be again; from there it goes as it would have."""
    where = await pipeline(client, "strict", Offer={"required_fields": ["next_step"]})
    why = await reason(client)
    made = await deal(client, where)
    await act(client, made["id"], "lose", loss_reason_id=why)
    found = await act(client, made["id"], "reopen", 409, stage_id=where["Terms"])
    assert codes(found) == ["skips_stages"]
    found = await act(client, made["id"], "reopen", 409, stage_id=where["Offer"])
    assert codes(found) == ["required_field"]
    back = await act(client, made["id"], "reopen", stage_id=where["New"])
    assert (back["status"], back["stage_id"]) == ("open", where["New"])


async def test_what_an_action_sets_is_not_missing(client):
    where = await pipeline(
        client,
        Won={"required_fields": ["closes_on"]},
        Lost={"required_fields": ["closes_on", "loss_reason_id"]},
    )
    for verb, body in (("win", {}), ("lose", {"loss_reason_id": await reason(client)})):
        made = await deal(client, where)
        assert set(map(len, (await ways(client, made["id"])).values())) == {0}
        done = await act(client, made["id"], verb, **body)
        assert done["closes_on"]


async def test_comments_of_moves_go_with_the_deal(client, owner, org):
    where = await pipeline(client)
    made = await deal(client, where)
    await act(client, made["id"], "move", stage_id=where["Offer"], comment="zzconfidential")
    gone = await client.delete(f"/v1/deals/{made['id']}", params={"purge": "true"})
    assert gone.status_code == 204, gone.text
    told = "SELECT count(*) FROM events e WHERE organization_id = $1 AND e::text LIKE $2"
    assert await owner.fetchval(told, org.id, "%zzconfidential%") == 0


async def test_a_stage_goes_while_its_deals_are_moved(client):
    """Whoever is first: no deal stands in a stage that is gone, and nobody waits for ever."""
    where = await pipeline(client)
    made = [await deal(client, where, "Offer") for _ in range(8)]
    path = f"/v1/stages/{where['Offer']}/remove"
    answers = await asyncio.gather(
        *(
            client.post(f"/v1/deals/{one['id']}/move", json={"stage_id": where["Terms"]})
            for one in made[:4]
        ),
        client.post(path, json={"move_to": where["New"]}),
        *(client.patch(f"/v1/deals/{one['id']}", json={"amount": "7"}) for one in made[4:]),
    )
    assert {answer.status_code for answer in answers} <= {200, 204, 503}, answers
    if answers[4].status_code == 503:
        assert (await client.post(path, json={"move_to": where["New"]})).status_code == 204
    stages = [(await client.read(f"deals/{one['id']}"))["stage_id"] for one in made]
    assert set(stages) <= {where["New"], where["Terms"]}


async def test_the_same_over_graphql(client):
    where, why = await pipeline(client, "strict"), await reason(client)
    made = await deal(client, where)
    allowed = "allowed { verb stageName blockers { code pointer } }"
    document = f"query($id: UUID!) {{ dealTransitions(id: $id) {{ status {allowed} }} }}"
    found = (await client.data(document, id=made["id"]))["dealTransitions"]
    rest = await client.read(f"deals/{made['id']}/transitions")
    assert [(one["verb"], len(one["blockers"])) for one in found["allowed"]] == [
        (one["verb"], len(one["blockers"])) for one in rest["allowed"]
    ]

    async def call(verb, **arguments):
        names = ", ".join(f"${camel(name)}: UUID!" for name in arguments)
        given = "".join(f", {camel(name)}: ${camel(name)}" for name in arguments)
        text = (
            f"mutation($id: UUID!{', ' if names else ''}{names}) "
            f"{{ {verb}Deal(id: $id{given}) {{ status stage {{ name }} }} }}"
        )
        return await client.gql(text, id=made["id"], **{camel(n): v for n, v in arguments.items()})

    refused = await call("move", stage_id=where["Terms"])
    assert refused["errors"][0]["extensions"]["code"] == "blocked_transition"
    moved = await call("move", stage_id=where["Offer"])
    assert moved["data"]["moveDeal"] == {"status": "open", "stage": {"name": "Offer"}}
    lost = await call("lose", loss_reason_id=why)
    assert lost["data"]["loseDeal"]["status"] == "lost"
    assert (await call("reopen"))["data"]["reopenDeal"]["stage"]["name"] == "Offer"
    assert (await call("clone"))["data"]["cloneDeal"]["stage"]["name"] == "New"
    document = "mutation($id: UUID!, $to: UUID!) { removeStage(id: $id, moveTo: $to) }"
    await client.data(document, id=where["Offer"], to=where["Terms"])
    await call("win")
    assert (await client.read(f"deals/{made['id']}"))["status"] == "won"
