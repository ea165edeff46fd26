"""Many at the same moment, on connections of their own: one outcome, and nothing half done."""

import asyncio

import pytest

from support.clients import Api
from support.quoting import OPTIONS, link, offered

CALLERS = 8


@pytest.fixture
async def callers(app):
    """Clients without a credential; each request has its connection."""
    made = [Api(app) for _ in range(CALLERS)]
    yield made
    for one in made:
        await one.aclose()


async def decisions(client, id):
    found = (await client.read("quote-decisions", **{"filter[quote_id]": id}))["data"]
    return [one["decision"] for one in found]


def codes(answers):
    return sorted((a.status_code, a.json().get("code", "")) for a in answers)


async def test_of_many_who_accept_one_does(client, callers):
    for _ in range(5):
        made, path = await offered(client)
        others = [await link(client, made["id"]) for _ in callers[1:]]
        answers = await asyncio.gather(
            *(
                one.post(f"{at}/accept", json={"name": f"Person {n}", "revision": 1})
                for n, (one, at) in enumerate(zip(callers, [path, *others], strict=True))
            )
        )
        expected = [(200, "")] + [(409, "already_accepted")] * (CALLERS - 1)
        assert codes(answers) == expected
        (winner,) = [a.json() for a in answers if a.status_code == 200]
        now = await client.read(f"quotes/{made['id']}")
        assert (now["status"], now["decided_by"]) == ("accepted", winner["name"])
        assert await decisions(client, made["id"]) == ["accepted"]
        told = [e["type"] for e in await client.told(made["id"], 3)]
        assert told.count("quote.accepted") == 1


async def test_of_many_by_the_same_link_one_does(client, callers):
    for _ in range(3):
        made, path = await offered(client)
        answers = await asyncio.gather(
            *(one.post(f"{path}/accept", json={"name": "Same", "revision": 1}) for one in callers)
        )
        assert {a.status_code for a in answers} == {200}
        assert len({a.content for a in answers}) == 1
        assert await decisions(client, made["id"]) == ["accepted"]


async def test_the_same_request_many_times_has_one_answer(client, callers):
    made, path = await offered(client)
    key = {"Idempotency-Key": "one and the same".replace(" ", "-")}
    answers = await asyncio.gather(
        *(
            one.post(f"{path}/accept", json={"name": "Same", "revision": 1}, headers=key)
            for one in callers
        )
    )
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert await decisions(client, made["id"]) == ["accepted"]


@pytest.mark.parametrize("verb", ["revise", "withdraw", "accept", "decline"])
async def test_accepted_while_the_seller_moves_it(client, callers, verb):
    outcomes = set()
    for _ in range(8):
        made, path = await offered(client, **OPTIONS)
        shown = (await callers[0].get(path)).json()
        wanted = [line["id"] for line in shown["lines"] if line["name"] == "Cushion"]
        body = {"name": "Sample", "selected": wanted, "revision": 1}
        accepted, moved = await asyncio.gather(
            callers[1].post(f"{path}/accept", json=body),
            client.post(f"/v1/quotes/{made['id']}/{verb}"),
        )
        now = await client.read(f"quotes/{made['id']}")
        assert sorted([accepted.status_code, moved.status_code]) == [200, 409], (
            accepted.text, moved.text,
        )  # fmt: skip
        if accepted.status_code == 200:
            assert (now["status"], now["net"], now["revision"]) == ("accepted", "330.03", 1)
            assert await decisions(client, made["id"]) == ["accepted"]
        else:
            assert now["net"] == "350.00"
            assert await decisions(client, made["id"]) == []
            assert now["status"] == {
                "revise": "draft", "withdraw": "withdrawn", "accept": "accepted",
                "decline": "declined",
            }[verb]  # fmt: skip
        outcomes.add(accepted.status_code)
    assert outcomes <= {200, 409}


async def test_accepted_while_it_is_declined_by_another(client, callers):
    for _ in range(5):
        made, path = await offered(client)
        other = await link(client, made["id"])
        answers = await asyncio.gather(
            callers[0].post(f"{path}/accept", json={"name": "A", "revision": 1}),
            callers[1].post(f"{other}/decline", json={"revision": 1, "name": "B"}),
        )
        assert sorted(a.status_code for a in answers) == [200, 409]
        (found,) = await decisions(client, made["id"])
        assert (await client.read(f"quotes/{made['id']}"))["status"] == found


async def test_accepted_while_the_link_is_revoked(client, callers):
    for _ in range(5):
        made, path = await offered(client)
        ((link_id,),) = [
            [one["id"] for one in (await client.read(
                "quote-links", **{"filter[quote_id]": made["id"]}))["data"]]
        ]  # fmt: skip
        accepted, revoked = await asyncio.gather(
            callers[0].post(f"{path}/accept", json={"name": "A", "revision": 1}),
            client.post(f"/v1/quote-links/{link_id}/revoke"),
        )
        assert revoked.status_code == 200
        assert (accepted.status_code, await decisions(client, made["id"])) in [
            (200, ["accepted"]), (410, [])
        ]  # fmt: skip


async def test_looked_at_by_many_it_is_viewed_once(client, callers):
    for _ in range(4):
        made, path = await offered(client)
        other = await link(client, made["id"])
        answers = await asyncio.gather(
            *(one.get(path if n % 2 else other) for n, one in enumerate(callers[:-1])),
            callers[-1].post(f"{path}/accept", json={"name": "A", "revision": 1}),
        )
        assert {a.status_code for a in answers} == {200}, [a.text for a in answers]
        told = [e["type"] for e in await client.told(made["id"], 3)]
        assert told.count("quote.viewed") <= 1
        assert told.count("quote.accepted") == 1
        engagement = await client.read(f"quotes/{made['id']}/engagement")
        assert engagement["views"] == CALLERS - 1
        assert (await client.read(f"quotes/{made['id']}"))["status"] == "accepted"
