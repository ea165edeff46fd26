"""Standard reports: their numbers are those of plain Python over the rows."""

import random
from collections import Counter

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind
from support.selling import act, deal, pipeline, reason

NAME = "deal_outcomes_by_owner"
SPAN = {"from": "2000-01-01", "to": "2100-01-01"}


@pytest.mark.parametrize("seed", [1, 2])
async def test_outcomes_and_the_records_behind_them(client, seed):
    rng = random.Random(seed)
    where, because = await pipeline(client), await reason(client)
    role = await custom_role(client, levels={"*": {"read": "own"}})
    reader = await member(client, role)
    for _ in range(20):
        owner = reader.id if rng.random() < 0.5 else None
        one = await deal(client, where, owner_id=owner, closes_on="2026-03-31")
        end = rng.choice(["win", "lose", None])
        if end:
            more = {"loss_reason_id": because} if end == "lose" else {}
            await act(client, one["id"], end, **more)
    for api in (client, reader.api):
        rows = (await api.read("deals", limit=200))["data"]
        wanted = Counter((r["owner_id"], r["status"]) for r in rows if r["status"] != "open")
        answer = await api.post(f"/v1/standard-reports/{NAME}/run", json={"parameters": SPAN})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        found = Counter()
        for row in told["answer"]["rows"]:
            own = row["values"]
            found.update({(own["owner_id"], s): own[s] for s in ("won", "lost") if own[s]})
            assert len(await behind(api, told["report"], row["cell"])) == own["decided"]
        assert found == wanted


async def test_definitions_and_mistakes(client):
    for one in (await client.read("standard-reports"))["data"]:
        assert await client.read(f"standard-reports/{one['name']}") == one
        assert (await client.post(f"/v1/standard-reports/{one['name']}/run")).status_code == 200
    problem(await client.get("/v1/standard-reports/nothing"), 404)
    body = {"parameters": {"from": 3}}
    answer = await client.post(f"/v1/standard-reports/{NAME}/run", json=body)
    assert pointers(problem(answer, 422)) == ["/parameters/from"]
