"""Pipelines and their stages."""

import asyncio
from collections import Counter

from support.clients import pointers, problem
from support.selling import act, deal, pipeline, reason


async def kinds(client, id):
    found = await client.read("stages", **{"filter[pipeline_id]": id, "sort": "position"})
    return [stage["kind"] for stage in found["data"]]


async def test_a_pipeline_begins_with_its_stages(client):
    made = await client.made("pipelines", {"name": "Partners"})
    assert await kinds(client, made["id"]) == ["open", "won", "lost"]
    body = {"name": "Offer", "pipeline_id": made["id"]}
    stage = await client.made("stages", body)
    assert (stage["position"], stage["probability"], stage["forecast_category"]) == (
        2,
        0,
        "pipeline",
    )
    found = problem(await client.post("/v1/stages", json={**body, "kind": "won"}), 422)
    assert pointers(found) == ["/kind"]


async def test_closed_stages_are_sure(client):
    where = await pipeline(client)
    for name, patch in (
        ("Won", {"probability": 90}),
        ("Lost", {"probability": 1}),
        ("Won", {"forecast_category": "commit"}),
        ("New", {"forecast_category": "closed"}),
    ):
        answer = await client.patch(f"/v1/stages/{where[name]}", json=patch)
        assert pointers(problem(answer, 422)) == [f"/{next(iter(patch))}"]


async def test_the_last_one_said_to_be_is_the_default(client):
    first = await client.made("pipelines", {"name": "One", "is_default": True})
    second = await client.made("pipelines", {"name": "Two", "is_default": True})
    assert not (await client.read(f"pipelines/{first['id']}"))["is_default"]
    made = await client.made("deals", {"name": "Office"})
    assert made["pipeline_id"] == second["id"]
    answer = await client.patch(f"/v1/pipelines/{second['id']}", json={"is_archived": True})
    assert pointers(problem(answer, 422)) == ["/is_archived"]


async def test_parallel_defaults_leave_one(client):
    made = [await client.made("pipelines", {"name": f"No. {n}"}) for n in range(5)]
    answers = await asyncio.gather(
        *(client.patch(f"/v1/pipelines/{one['id']}", json={"is_default": True}) for one in made)
    )
    assert {answer.status_code for answer in answers} == {200}
    found = await client.read("pipelines", **{"filter[is_default]": "true"})
    assert len(found["data"]) == 1


async def test_first_deals_at_once_make_one_default_pipeline(client):
    answers = await asyncio.gather(
        *(client.post("/v1/deals", json={"name": f"No. {n}"}) for n in range(8))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["pipeline_id"] for answer in answers}) == 1
    assert len((await client.read("pipelines"))["data"]) == 1


async def test_stages_ask_for_what_there_is(client):
    where = await pipeline(client)
    body = {
        "required_fields": ["amount", "shoe_size", "custom.none"],
        "entry_criteria": {"shoe_size": {"gt": 1}},
        "exit_criteria": {"owner_id": {"eq": "@me"}},
    }
    answer = await client.patch(f"/v1/stages/{where['Offer']}", json=body)
    found = problem(answer, 422)
    assert pointers(found) == [
        "/entry_criteria/shoe_size",
        "/exit_criteria/owner_id/eq",
        "/required_fields/1",
        "/required_fields/2",
    ]


async def test_a_stage_with_deals_says_where_they_go(client):
    where = await pipeline(client)
    made = [await deal(client, where, "Offer", amount="100") for _ in range(3)]
    await client.delete(f"/v1/deals/{made[2]['id']}")
    path = f"/v1/stages/{where['Offer']}"
    found = problem(await client.delete(path), 409, "has_deals")
    assert (found["deals"], pointers(found)) == (3, ["/move_to"])
    for target, code in ((where["Won"], "other_kind"), (where["Offer"], "unknown_reference")):
        answer = await client.post(f"{path}/remove", json={"move_to": target})
        assert problem(answer, 422)["errors"][0]["code"] == code
    answer = await client.post(f"{path}/remove", json={"move_to": where["Terms"]})
    assert answer.status_code == 204, answer.text
    assert (await client.get(path)).status_code == 404
    moved = await client.read(f"deals/{made[0]['id']}")
    assert (moved["stage_id"], moved["probability"], moved["expected_amount"]) == (
        where["Terms"],
        60,
        "60.00",
    )
    back = await client.post(f"/v1/deals/{made[2]['id']}/restore")
    assert back.json()["stage_id"] == where["Terms"]
    history = (await client.read(f"deals/{made[0]['id']}/moves"))["data"]
    assert [(one["from_stage_id"], one["to_stage_id"]) for one in history] == [
        (where["Offer"], where["Terms"])
    ]


async def test_deals_that_come_while_a_stage_goes_are_in_neither_bin(client):
    where = await pipeline(client)
    await deal(client, where, "Offer")
    path = f"/v1/stages/{where['Offer']}/remove"
    body = {"name": "Office", "stage_id": where["Offer"]}
    answers = await asyncio.gather(
        client.post(path, json={"move_to": where["Terms"]}),
        *(client.post("/v1/deals", json=body) for _ in range(10)),
    )
    assert answers[0].status_code == 204, answers[0].text
    outcomes = Counter(answer.status_code for answer in answers[1:])
    assert outcomes.keys() <= {201, 422}, [answer.text for answer in answers[1:]]
    found = (await client.read("deals", limit=50))["data"]
    assert len(found) == 1 + outcomes[201]
    assert {one["stage_id"] for one in found} == {where["Terms"]}


async def test_each_kind_has_a_stage(client):
    made = await client.made("pipelines", {"name": "Partners"})
    found = (await client.read("stages", **{"filter[pipeline_id]": made["id"]}))["data"]
    for stage in found:
        problem(await client.delete(f"/v1/stages/{stage['id']}"), 409, "last_of_its_kind")
    where = await pipeline(client)
    body = {"name": "No answer", "pipeline_id": where.id, "kind": "lost"}
    await client.made("stages", body)
    assert (await client.delete(f"/v1/stages/{where['Lost']}")).status_code == 204


async def test_a_pipeline_with_deals_stays(client):
    where = await pipeline(client)
    made = await deal(client, where)
    path = f"/v1/pipelines/{where.id}"
    assert problem(await client.delete(path), 409, "has_deals")["deals"] == 1
    await client.changed(f"pipelines/{where.id}", {"is_archived": True})
    answer = await client.post("/v1/deals", json={"name": "Late", "pipeline_id": where.id})
    assert pointers(problem(answer, 422)) == ["/pipeline_id"]
    await client.delete(f"/v1/deals/{made['id']}")
    assert (await client.delete(path)).status_code == 204
    problem(await client.post(f"/v1/deals/{made['id']}/restore"), 409, "pipeline_in_bin")


async def test_deals_follow_their_stage_but_for_what_is_by_hand(client):
    where = await pipeline(client)
    plain = await deal(client, where, "Offer", amount="100")
    by_hand = await deal(client, where, "Offer", amount="100", probability_override=90)
    patch = {"probability": 50, "forecast_category": "best_case"}
    await client.changed(f"stages/{where['Offer']}", patch)
    plain, by_hand = [await client.read(f"deals/{one['id']}") for one in (plain, by_hand)]
    names = ("probability", "forecast_category", "expected_amount")
    assert [plain[name] for name in names] == [50, "best_case", "50.00"]
    assert [by_hand[name] for name in names] == [90, "best_case", "90.00"]


async def test_what_a_pipeline_says_is_not_taken_back(client):
    where = await pipeline(client)
    for name in ("graph", "next_step_policy", "win_needs", "reopen_needs_reason", "is_archived"):
        answer = await client.patch(f"/v1/pipelines/{where.id}", json={name: None})
        assert pointers(problem(answer, 422)) == [f"/{name}"]


async def test_a_key_is_of_one_pipeline(client):
    body = {"key": "partners", "name": "Partners", "is_default": True}
    made = await client.made("pipelines", body)
    assert (await client.post("/v1/deals", json={"name": "Office"})).json()["pipeline_id"] == made[
        "id"
    ]
    problem(await client.post("/v1/pipelines", json=body), 409)


async def test_a_deal_that_was_decided_before_is_written_down_so(client):
    where = await pipeline(client)
    body = {"name": "Old", "stage_id": where["Lost"]}
    assert pointers(problem(await client.post("/v1/deals", json=body), 422)) == ["/loss_reason_id"]
    day = "2024-05-01T10:00:00Z"
    why = await reason(client)
    made = await client.made("deals", {**body, "loss_reason_id": why, "closed_at": day})
    assert (made["status"], made["probability"], made["closed_at"][:10]) == ("lost", 0, day[:10])
    won = {"name": "Old", "stage_id": where["Won"], "closed_at": day, "amount": "5"}
    assert (await client.made("deals", won))["expected_amount"] == "5.00"
    for wrong in ({"loss_reason_id": why}, {"closed_at": day}):
        given = {"name": "New", "stage_id": where["New"], **wrong}
        found = problem(await client.post("/v1/deals", json=given), 422)
        assert pointers(found) == [f"/{next(iter(wrong))}"]
    problem(await client.patch(f"/v1/deals/{made['id']}", json={"loss_reason_id": None}), 422)
    await act(client, made["id"], "win", 409)
