"""Boards: what the stages of a pipeline hold, and in which order."""

import asyncio

from support.clients import pointers, problem
from support.members import custom_role, member
from support.selling import act, board, deal, pipeline, places, reason


async def test_a_board_sums_its_columns(client):
    where = await pipeline(client)
    for amount in ("100", "50.50", None):
        await deal(client, where, "Offer", amount=amount)
    own = await deal(client, where, "Offer")
    await deal(client, where, "Terms", amount="7", currency="XOF")
    won = await deal(client, where, "Terms", amount="9")
    await act(client, won["id"], "win")
    found = await board(client, where)
    assert list(found) == ["New", "Offer", "Terms"]
    names = ("count", "amount", "weighted_amount", "unconverted")
    assert [found["Offer"][n] for n in names] == [4, "150.50", "60.20", 0]
    assert [found["Terms"][n] for n in names] == [1, "0.00", "0.00", 1]
    assert [found["New"][n] for n in names] == [0, "0.00", "0.00", 0]
    assert found["Offer"]["deals"]["data"][3]["id"] == own["id"]
    await client.delete(f"/v1/deals/{own['id']}")
    assert (await board(client, where))["Offer"]["count"] == 3
    problem(await client.get(f"/v1/pipelines/{own['id']}/board"), 404)


async def test_a_column_goes_on_in_the_list(client):
    where = await pipeline(client)
    made = [await deal(client, where, name=f"No. {n}", tags=["x"]) for n in range(5)]
    asked = {"limit": 2, "fields": "id", "filter[tags][has]": "x"}
    column = (await board(client, where, **asked))["New"]["deals"]
    ids = [one["id"] for one in column["data"]]
    while column["next_cursor"]:
        params = {"filter[stage_id]": where["New"], "filter[tags][has]": "x", "sort": "rank"}
        column = await client.read("deals", **params, limit=2, cursor=column["next_cursor"])
        ids += [one["id"] for one in column["data"]]
    assert ids == [one["id"] for one in made]
    assert (await board(client, where, **{"filter[tags][has]": "y"}))["New"]["count"] == 0
    answer = await client.get(f"/v1/pipelines/{where.id}/board", params={"limit": 51})
    assert pointers(problem(answer, 422)) == ["limit"]


async def test_deals_are_put_between_others(client):
    where = await pipeline(client)
    a, b, c, d = [await deal(client, where, name=name) for name in "ABCD"]
    await act(client, d["id"], "move", before=a["id"])
    await act(client, c["id"], "move", after=d["id"])
    assert await places(client, where) == ["D", "C", "A", "B"]
    await act(client, a["id"], "move", after=b["id"])
    await deal(client, where, name="E")
    assert await places(client, where) == ["D", "C", "B", "A", "E"]
    other = await deal(client, where, "Offer", name="F")
    await act(client, other["id"], "move", stage_id=where["New"], before=b["id"])
    assert await places(client, where) == ["D", "C", "F", "B", "A", "E"]
    await act(client, c["id"], "move", stage_id=where["Offer"])
    for wrong in ({"before": c["id"]}, {"after": a["id"]}, {"after": where.id}):
        answer = await client.post(f"/v1/deals/{a['id']}/move", json=wrong)
        assert pointers(problem(answer, 422)) == [f"/{next(iter(wrong))}"]
    both = {"before": b["id"], "after": d["id"]}
    problem(await client.post(f"/v1/deals/{a['id']}/move", json=both), 422)
    types = [event["type"] for event in await client.told(d["id"], 2)]
    assert types == ["deal.created", "deal.ranked"]


async def test_a_place_is_found_however_often_it_is_the_same(client, owner):
    where = await pipeline(client)
    made = [await deal(client, where, name=f"{n:02}") for n in range(12)]
    names, first = [one["name"] for one in made], made[0]
    for turn in range(360):
        one = made[1 + turn % 11]
        await act(client, one["id"], "move", after=first["id"])
        names.remove(one["name"])
        names.insert(1, one["name"])
    assert await places(client, where) == names
    rows = await owner.fetch("SELECT rank FROM deals WHERE stage_id = $1", where["New"])
    assert max(len(row["rank"]) for row in rows) <= 64


async def test_parallel_moves_to_one_place_leave_an_order(client):
    where = await pipeline(client)
    made = [await deal(client, where, name=f"{n:02}") for n in range(12)]
    anchor = made[0]["id"]
    answers = await asyncio.gather(
        *(client.post(f"/v1/deals/{one['id']}/move", json={"after": anchor}) for one in made[1:])
    )
    assert {answer.status_code for answer in answers} == {200}
    found = await places(client, where)
    assert (found[0], sorted(found)) == ("00", [one["name"] for one in made])
    # Between any two of them there is a place.
    ids = {one["name"]: one["id"] for one in made}
    await act(client, ids[found[11]], "move", after=ids[found[4]])
    assert await places(client, where) == [*found[:5], found[11], *found[5:11]]


async def test_everybody_sees_the_sums_of_what_they_see(client):
    where = await pipeline(client)
    levels = {"deals": dict.fromkeys(("read", "create", "update", "delete"), "own")}
    role = await custom_role(client, levels=levels)
    seller = await member(client, role)
    await deal(client, where, amount="100")
    await deal(seller.api, where, amount="5")
    assert (await board(client, where))["New"]["amount"] == "105.00"
    found = (await board(seller.api, where))["New"]
    assert (found["count"], found["amount"], len(found["deals"]["data"])) == (1, "5.00", 1)
    hidden = await custom_role(
        client,
        levels={"*": {"read": "all"}},
        masks={"deal": {"hidden": ["base_amount"], "read_only": []}},
    )
    viewer = await member(client, hidden)
    assert (await board(viewer.api, where))["New"]["amount"] is None


async def test_what_tells_an_amount_is_hidden_with_it(client):
    where = await pipeline(client)
    made = await deal(client, where, amount="100")
    masks = {"deal": {"hidden": ["amount"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    viewer = await member(client, role)
    found = await viewer.api.read(f"deals/{made['id']}")
    names = ("amount", "expected_amount", "base_amount")
    assert [found.get(name) for name in names] == [None] * 3
    column = (await board(viewer.api, where))["New"]
    assert (column["count"], column["amount"], column["weighted_amount"]) == (1, None, None)
    masks = {"deal": {"hidden": ["expected_amount"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    column = (await board((await member(client, role)).api, where))["New"]
    assert (column["amount"], column["weighted_amount"]) == ("100.00", None)


async def test_what_was_valued_in_another_currency_is_in_no_sum(client, owner, org):
    where = await pipeline(client)
    own = (await deal(client, where, amount="100"))["base_currency"]
    other = "USD" if own != "USD" else "EUR"
    await owner.execute("UPDATE organizations SET currency = $2 WHERE id = $1", org.id, other)
    await deal(client, where, amount="5", currency=other)
    column = (await board(client, where))["New"]
    assert (column["amount"], column["unconverted"]) == ("5.00", 1)


async def test_the_same_over_graphql(client):
    where, why = await pipeline(client), await reason(client)
    made = [await deal(client, where, amount="10", name=f"No. {n}") for n in range(3)]
    await act(client, made[0]["id"], "lose", loss_reason_id=why)
    column = """
        stage { name } count amount weightedAmount unconverted
        deals { nodes { name } pageInfo { hasNextPage } }
    """
    document = f"""query($id: UUID!) {{ pipelineBoard(pipelineId: $id, first: 1,
        where: {{ name: {{ startsWith: "No." }} }}) {{ currency columns {{ {column} }} }} }}"""
    found = (await client.data(document, id=where.id))["pipelineBoard"]
    assert found["columns"][0] == {
        "stage": {"name": "New"},
        "count": 2,
        "amount": "20.00",
        "weightedAmount": "2.00",
        "unconverted": 0,
        "deals": {"nodes": [{"name": "No. 1"}], "pageInfo": {"hasNextPage": True}},
    }


async def test_closed_stages_stand_behind_the_open_ones(client):
    where = await pipeline(client)
    made = await deal(client, where, amount="10")
    await act(client, made["id"], "win")
    path = f"/v1/pipelines/{where.id}/board"
    found = (await client.get(path, params={"include_closed": "true"})).json()["columns"]
    kinds = [column["stage"]["kind"] for column in found]
    assert kinds == sorted(kinds, key=lambda kind: kind != "open")
    assert {"won", "lost"} <= set(kinds)
    (won,) = [column for column in found if column["stage"]["kind"] == "won"]
    assert (won["count"], won["deals"]["data"][0]["id"]) == (1, made["id"])
    document = """query($id: UUID!) {
        pipelineBoard(pipelineId: $id, includeClosed: true) { columns { stage { kind } } } }"""
    told = await client.data(document, id=where.id)
    assert len(told["pipelineBoard"]["columns"]) == len(kinds)
