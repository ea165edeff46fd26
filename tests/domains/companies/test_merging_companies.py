"""What is particular about merging companies: the hierarchy stays a tree."""

from support.clients import problem


async def company(client, name, parent=None):
    body = {"name": name, **({"parent_id": parent["id"]} if parent else {})}
    return await client.made("companies", body)


async def merged(client, winner, *losers):
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"] for loser in losers]}
    answer = await client.post("/v1/companies/merge", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def parents(client):
    rows = (await client.read("companies", limit=200))["data"]
    names = {row["id"]: row["name"] for row in rows}
    return {row["name"]: names.get(row["parent_id"], row["parent_id"]) for row in rows}


async def test_a_company_that_absorbs_one_above_takes_its_place(client):
    top = await company(client, "top")
    loser = await company(client, "loser", top)
    between = await company(client, "between", loser)
    winner = await company(client, "winner", between)
    before = await parents(client)
    merge = await merged(client, winner, loser)
    assert await parents(client) == {"top": None, "winner": "top", "between": "winner"}
    assert (await client.post(f"/v1/merges/{merge['id']}/undo")).status_code == 200
    assert await parents(client) == before
    merge = await merged(client, winner, top, loser)
    assert await parents(client) == {"winner": None, "between": "winner"}
    assert (await client.post(f"/v1/merges/{merge['id']}/undo")).status_code == 200
    assert await parents(client) == before


async def test_a_company_below_is_absorbed(client):
    winner = await company(client, "winner")
    loser = await company(client, "loser", winner)
    await company(client, "child", loser)
    before = await parents(client)
    merge = await merged(client, winner, loser)
    assert await parents(client) == {"winner": None, "child": "winner"}
    assert (await client.post(f"/v1/merges/{merge['id']}/undo")).status_code == 200
    assert await parents(client) == before


async def test_an_undoing_that_would_make_a_circle_is_refused(client):
    top = await company(client, "top")
    loser = await company(client, "loser", top)
    child = await company(client, "child", loser)
    winner = await company(client, "winner")
    merge = await merged(client, winner, loser)
    assert (await parents(client))["winner"] == "top"
    await client.changed(f"companies/{winner['id']}", {"parent_id": None})
    await client.changed(f"companies/{top['id']}", {"parent_id": child["id"]})
    before = await parents(client)
    answer = await client.post(f"/v1/merges/{merge['id']}/undo")
    problem(answer, 409, "hierarchy_cycle")
    assert await parents(client) == before


async def test_people_follow_and_come_back(client):
    winner, loser = await company(client, "winner"), await company(client, "loser")
    person = await client.made("contacts", {"last_name": "A", "company_id": loser["id"]})
    merge = await merged(client, winner, loser)
    assert merge["moved"] == {"contacts.company_id": 1, "employments.company_id": 1}
    assert (await client.read(f"contacts/{person['id']}"))["company_id"] == winner["id"]
    await client.post(f"/v1/merges/{merge['id']}/undo")
    shown = await client.read(f"contacts/{person['id']}")
    assert (shown["company_id"], shown["version"]) == (loser["id"], 3)
