"""Rules that move leads on: what was disqualified is recycled and given again."""

from datetime import UTC, datetime

from support.clients import problem
from support.leads import owner_of, pool_of, rule_of, users_of

ENDED = {"type": "event", "events": ["lead.disqualified"]}
AGAIN = [
    {"action": "move_lead", "verb": "recycle", "reason": "{{ record.name }} may have a budget now"},
    {"action": "move_lead", "verb": "distribute"},
    {"action": "move_lead", "verb": "qualify"},
]


async def test_what_was_disqualified_is_given_again_to_whoever_had_it(client, rules, worker):
    (user,) = await users_of(client, 1)
    await rule_of(client, await pool_of(client, {user: 1}))
    rule = await rules.active(*AGAIN, trigger=ENDED)
    lead = await client.made("leads", {"last_name": "Example"})
    await client.idle()
    assert await owner_of(client, lead) == user
    # Whoever gave it back, or did not respond, is not asked again, but once it was recycled.
    path = f"/v1/leads/{lead['id']}"
    for verb in ("return", "disqualify"):
        answer = await client.post(f"{path}/{verb}", json={"reason": "No budget"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["owner_id"] is None
    begun = datetime.now(UTC)
    (run,) = await rules.ended(rule)
    assert [done["outcome"] for done in run["log"]] == ["done", "done", "skipped"]
    await client.idle()
    found = await client.read(f"leads/{lead['id']}")
    assert (found["owner_id"], found["status"], found["hops"]) == (user, "assigned", 0)
    assert found["status_reason"] == "Example may have a budget now"
    assert abs((datetime.fromisoformat(found["recycled_at"]) - begun).total_seconds()) < 60


async def test_what_takes_a_reason_says_one(client, rules):
    id = await rules.draft({"action": "move_lead", "verb": "recycle"}, trigger=ENDED)
    told = problem(await client.post(f"/v1/automations/{id}/publish"), 422)
    assert [(e["pointer"], e["code"]) for e in told["errors"]] == [("/steps/0/reason", "required")]
