"""Scores that are learned: from training to use, with factors, and how far they can be trusted."""

import asyncio

import pytest

from crm_api.domains.leads.score_jobs import SLICE
from crm_api.domains.leads.score_repository import Scores
from crm_api.domains.leads.scoring import Scoring
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem, tx_of
from support.members import custom_role, member
from support.scores import past_of, rule_of

STORED = """
    SELECT lead_id::text AS lead_id, model_id::text AS model_id, probability
    FROM lead_predictions WHERE organization_id = $1
"""


async def learned(api, **more):
    """A model that has been trained."""
    model = await api.made("lead-score-models", {"name": "Leads of two years", **more})
    assert model["status"] == "draft"
    assert (await act(api, model, "train"))["status"] == "training"
    await api.idle()
    return await api.read(f"lead-score-models/{model['id']}")


async def act(api, model, verb):
    answer = await api.post(f"/v1/lead-score-models/{model['id']}/{verb}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_model_that_has_not_learned_is_not_used(client):
    model = await client.made("lead-score-models", {"name": "Leads"})
    for verb in ("shadow", "activate"):
        found = problem(await client.post(f"/v1/lead-score-models/{model['id']}/{verb}"), 409)
        assert found["errors"][0]["code"] == "untrained"
    body = {"window_days": 90, "kind": "naive_bayes"}
    changed = await client.changed(f"lead-score-models/{model['id']}", body)
    assert changed["window_days"] == 90


async def test_a_model_whose_training_was_cancelled_is_trained_anew(client):
    model = await client.made("lead-score-models", {"name": "Leads"})
    job_id = (await act(client, model, "train"))["job_id"]
    answer = await client.post(f"/v1/lead-score-models/{model['id']}/train")
    assert problem(answer, 409)["code"] == "illegal_transition"
    assert (await client.post(f"/v1/jobs/{job_id}/cancel")).status_code == 200
    again = await act(client, model, "train")
    assert again["status"] == "training"
    assert again["job_id"] != job_id


async def lead_of(api, source, **more):
    return await api.made("leads", {"last_name": "Person", "source": source, **more})


async def test_too_few_leads_are_insufficient_data_and_no_guess(client, owner, org, worker):
    await past_of(owner, org, 60)
    model = await learned(client)
    assert model["status"] == "insufficient_data"
    assert model["converted_count"] + model["lost_count"] == 60
    assert model["metrics"] == {}
    for verb in ("shadow", "activate", "retire"):
        answer = await client.post(f"/v1/lead-score-models/{model['id']}/{verb}")
        assert problem(answer, 409)["code"] == "illegal_transition"
    told = await client.read(f"lead-score-models/{model['id']}/calibration")
    assert (told["held_out"], told["live"], told["weights"]) == (None, None, [])
    await past_of(owner, org, 600)
    await act(client, model, "train")
    await client.idle()
    assert (await client.read(f"lead-score-models/{model['id']}"))["status"] == "draft"


@pytest.mark.parametrize("kind", ["logistic", "naive_bayes"])
async def test_a_model_is_trained_tried_and_used(client, owner, org, worker, kind):
    await past_of(owner, org, 1_200)
    partner, bought = [await lead_of(client, source) for source in ("partner", "bought")]
    model = await learned(client, kind=kind)
    assert model["status"] == "draft"
    metrics = model["metrics"]
    assert metrics["leads"] == 300
    assert metrics["auc"] > 0.75
    assert metrics["brier"] < metrics["brier_baseline"]
    assert metrics["log_loss"] < metrics["log_loss_baseline"]
    assert metrics["calibration_error"] < 0.12
    assert len(metrics["bins"]) == 10

    await act(client, model, "shadow")
    await client.idle()
    rows = await owner.fetch(STORED, org.id)
    assert {row["lead_id"] for row in rows} == {partner["id"], bought["id"]}
    assert (await client.read(f"leads/{partner['id']}"))["probability"] is None

    assert (await act(client, model, "activate"))["status"] == "active"
    await client.idle()
    found = {
        one["id"]: one["probability"]
        for one in (await client.read("leads"))["data"]
        if one["status"] != "converted" and one["probability"] is not None
    }
    assert found[partner["id"]] == pytest.approx(75, abs=8)
    assert found[bought["id"]] == pytest.approx(10, abs=6)
    told = await client.read(f"leads/{partner['id']}/score")
    learned_of = told["learned"]
    assert learned_of["factors"][0]["name"] == "source"
    assert learned_of["factors"][0]["value"] == "partner"
    assert learned_of["factors"][0]["contribution"] > 0
    assert round(100 * learned_of["probability"]) == told["probability"]
    against = (await client.read(f"leads/{bought['id']}/score"))["learned"]
    assert against["factors"][0]["contribution"] < 0
    assert against["stored_at"] is not None


async def test_new_leads_and_changes_are_scored_as_they_are_written(client, owner, org, worker):
    await past_of(owner, org, 800)
    model = await learned(client)
    await act(client, model, "activate")
    await client.idle()
    lead = await lead_of(client, "partner")
    assert lead["probability"] > 60
    changed = await client.changed(f"leads/{lead['id']}", {"source": "bought"})
    assert changed["probability"] < 25
    found = await client.read("leads", sort="-probability", **{"filter[probability][gte]": "1"})
    assert [one["id"] for one in found["data"]] == [lead["id"]]
    told = await client.data(
        """query($i: UUID!) { leadScore(id: $i) {
            probability learned { probability factors { name value contribution } } } }""",
        i=lead["id"],
    )
    assert told["leadScore"]["probability"] == changed["probability"]


async def test_one_model_is_active_and_the_one_before_comes_back(client, owner, org, worker):
    await past_of(owner, org, 800)
    one, other = await learned(client), await learned(client, kind="naive_bayes")
    answers = await asyncio.gather(
        *(client.post(f"/v1/lead-score-models/{m['id']}/activate") for m in (one, other))
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    found = (await client.read("lead-score-models"))["data"]
    assert sorted(model["status"] for model in found) == ["active", "retired"]
    (retired,) = [model for model in found if model["status"] == "retired"]
    (active,) = [model for model in found if model["status"] == "active"]
    assert problem(await client.delete(f"/v1/lead-score-models/{active['id']}"), 409)["code"] == (
        "model_in_use"
    )
    await act(client, retired, "activate")
    assert (await client.read(f"lead-score-models/{active['id']}"))["status"] == "retired"
    answer = await client.patch(f"/v1/lead-score-models/{active['id']}", json={"window_days": 100})
    assert problem(answer, 409)["code"] == "model_trained"
    await act(client, retired, "retire")
    await client.idle()
    lead = await lead_of(client, "partner")
    assert lead["probability"] is None


async def test_what_has_no_gain_is_not_used(client, owner, org, worker):
    await past_of(owner, org, 400)
    model = await learned(client)
    await owner.execute(
        "UPDATE lead_score_models SET metrics = metrics || '{\"log_loss\": 0.9}' WHERE id = $1",
        model["id"],
    )
    found = problem(await client.post(f"/v1/lead-score-models/{model['id']}/activate"), 409)
    assert found["code"] == "blocked_transition"
    assert found["errors"][0]["code"] == "no_gain"


async def test_leads_that_ended_since_say_how_good_it_was(client, owner, org, worker):
    await past_of(owner, org, 800)
    model = await learned(client)
    await act(client, model, "activate")
    for source, verb in (("partner", "convert"), ("bought", "disqualify"), ("web", "disqualify")):
        lead = await lead_of(client, source)
        body = {} if verb == "convert" else {"reason": "no need"}
        if verb == "convert":
            await client.post(f"/v1/leads/{lead['id']}/claim")
            me = (await client.made("users", {"email": "rep@example.com", "name": "Rep"}))["id"]
            await client.post(f"/v1/leads/{lead['id']}/assign", json={"user_id": me})
        answer = await client.post(f"/v1/leads/{lead['id']}/{verb}", json=body)
        assert answer.status_code == 200, answer.text
        after = await client.read(f"leads/{lead['id']}")
        assert after["probability"] == lead["probability"]
    told = await client.read(f"lead-score-models/{model['id']}/calibration")
    assert (told["live"]["leads"], told["live"]["converted"], told["live"]["auc"]) == (3, 1, 1)
    adds = {(one["name"], one["value"]): one["contribution"] for one in told["weights"]}
    assert adds["source", "partner"] > 0 > adds["source", "bought"]
    found = await client.data(
        """query($i: UUID!) { leadScoreModelCalibration(id: $i) {
            heldOut { auc } live { leads } } }""",
        i=model["id"],
    )
    assert found["leadScoreModelCalibration"]["live"]["leads"] == 3


async def test_who_does_not_see_a_field_is_not_told_what_it_adds(client, owner, org, worker):
    await past_of(owner, org, 800)
    model = await learned(client)
    await act(client, model, "activate")
    lead = await lead_of(client, "partner")
    levels = {"*": dict.fromkeys(("read", "create", "update"), "all")}
    role = await custom_role(
        client, levels=levels, masks={"lead": {"hidden": ["source"], "read_only": []}}
    )
    one = await member(client, role)
    told = await one.api.read(f"leads/{lead['id']}/score")
    assert all(factor["name"] != "source" for factor in told["learned"]["factors"])
    mine = await client.read(f"leads/{lead['id']}/score")
    assert any(factor["name"] == "source" for factor in mine["learned"]["factors"])


async def test_what_was_said_of_a_lead_goes_with_it(client, owner, org, worker):
    await past_of(owner, org, 800)
    model = await learned(client)
    await act(client, model, "activate")
    lead = await lead_of(client, "partner")
    assert lead["id"] in {row["lead_id"] for row in await owner.fetch(STORED, org.id)}
    answer = await client.delete(f"/v1/leads/{lead['id']}", params={"purge": "true"})
    assert answer.status_code == 204, answer.text
    assert lead["id"] not in {row["lead_id"] for row in await owner.fetch(STORED, org.id)}


async def test_scores_agree_however_many_change_leads_meanwhile(
    client, database, owner, org, worker
):
    await past_of(owner, org, 800)
    model = await learned(client)
    await act(client, model, "activate")
    await rule_of(client, 70, filter={"industry": {"eq": "bank"}})
    await rule_of(client, -20, "negative", filter={"country": {"eq": "FR"}})
    await client.idle()
    leads = [await lead_of(client, "web") for _ in range(12)]

    async def change(number):
        lead = leads[number % len(leads)]
        body = (
            {"industry": "bank"},
            {"industry": "shop"},
            {"country": "FR"},
            {"source": "partner"},
        )
        answer = await client.patch(f"/v1/leads/{lead['id']}", json=body[number % len(body)])
        assert answer.status_code == 200, answer.text

    async def reckon():
        async with unit_of_work(tx_of(database, org)) as tx:
            found = await Scores(tx).next(None, SLICE)
            await (await Scoring.of(tx)).keep_many(found)

    # No more at once than there are connections: what waits for one too long is told to go away.
    places = asyncio.Semaphore(8)

    async def placed(one):
        async with places:
            await one

    work = [change(number) for number in range(72)]
    for number in range(12):
        work.insert(number * 7, reckon())
    await asyncio.gather(*map(placed, work))
    assert await _differing(database, org) == 0
    for lead in leads:
        found = await client.read(f"leads/{lead['id']}")
        assert found["fit_score"] == (70 if found["industry"] == "bank" else 0)
        assert found["negative_score"] == (-20 if found["country"] == "FR" else 0)


async def _differing(database, org):
    async with unit_of_work(tx_of(database, org)) as tx:
        return await (await Scoring.of(tx)).keep_many(await Scores(tx).next(None, SLICE))
