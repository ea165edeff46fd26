"""Operations of every kind in one request."""

from support.clients import pointers, problem

MISSING = "0190a000-0000-7000-8000-000000000000"


async def batch(client, *operations, status=200, atomic=True, **params):
    body = {"operations": list(operations), "atomic": atomic}
    answer = await client.post("/v1/batch", json=body, params=params)
    assert answer.status_code == status, answer.text[:2000]
    return answer.json()


def create(kind, data, **more):
    return {"op": "create", "entity": kind.entity, "data": data, **more}


async def test_a_record_goes_through_its_life_in_one_batch(client, kind):
    least = await kind.factory.least(client)
    one = {"entity": kind.entity, "id": {"$ref": "it.id"}}
    done = await batch(
        client,
        create(kind, least, name="it"),
        {"op": "update", **one, "patch": kind.factory.change, "expected_version": 1},
        {"op": "delete", **one, "expected_version": 2},
        {"op": "restore", **one},
    )
    results = done["results"]
    assert [r["result"] for r in results] == ["created", "updated", "deleted", "restored"]
    assert [r["status"] for r in results] == [201, 200, 204, 200]
    assert [r["name"] for r in results] == ["it", None, None, None]
    assert len({r["id"] for r in results}) == 1
    assert results[3]["record"] == await client.read(f"{kind.path}/{results[0]['id']}")
    assert results[3]["record"]["version"] == 4


async def test_atomic_stores_all_or_none(client, kind, statements):
    least = await kind.factory.least(client)
    before = (await client.read(kind.path, count="exact"))["total"]
    found = await batch(
        client,
        create(kind, least),
        create(kind, {**least, "nonsense": 1}),
        {"op": "delete", "entity": kind.entity, "id": MISSING},
        status=422,
    )
    assert found["code"] == "batch_failed"
    assert [(r["index"], r["status"]) for r in found["results"]] == [(1, 422), (2, 404)]
    assert pointers(found) == ["/operations/1/data/nonsense", "/operations/2"]
    assert (await client.read(kind.path, count="exact"))["total"] == before
    bodies = await kind.bodies(client, 5)
    async with statements() as seen:
        await batch(client, *(create(kind, body) for body in bodies))
    assert len(seen) == 1 or kind.singly


async def test_without_atomic_each_stands_for_itself(client, kind):
    first, second = await kind.bodies(client, 2)
    ids = {"external_ids": {"legacy": "1"}}
    done = await batch(
        client,
        create(kind, {**first, **ids}, name="first"),
        create(kind, {**second, **ids}, name="second"),
        {
            "op": "update",
            "entity": kind.entity,
            "id": {"$ref": "second.id"},
            "patch": kind.factory.change,
        },
        {
            "op": "update",
            "entity": kind.entity,
            "id": {"$ref": "first.id"},
            "patch": kind.factory.change,
        },
        atomic=False,
    )
    assert [r["status"] for r in done["results"]] == [201, 409, 422, 200]
    assert (done["succeeded"], done["failed"]) == (2, 2)
    problem_ = done["results"][2]["problem"]
    assert problem_["errors"][0]["code"] == "ref_failed"
    assert pointers(problem_) == ["/operations/2/id"]
    (pointer,) = pointers(done["results"][1]["problem"])
    assert pointer.startswith("/operations/1/data/external_ids")
    now = await client.read(f"{kind.path}/{done['results'][0]['id']}")
    assert now == done["results"][3]["record"]


async def test_other_organizations_records_are_not_there(client, other, kind):
    foreign = await kind.make(other)
    one = {"entity": kind.entity, "id": foreign["id"]}
    done = await batch(
        client,
        {"op": "update", **one, "patch": kind.factory.change},
        {"op": "delete", **one},
        {"op": "restore", **one},
        atomic=False,
    )
    assert [r["status"] for r in done["results"]] == [404] * 3
    assert (await other.read(f"{kind.path}/{foreign['id']}"))["version"] == 1


async def test_each_operation_needs_its_scope(client, kind, keyed):
    made = await kind.make(client)
    stranger = await keyed("nothing:write")
    least = await kind.factory.least(client)
    done = await batch(
        stranger,
        create(kind, least),
        {"op": "delete", "entity": kind.entity, "id": made["id"]},
        atomic=False,
    )
    assert [r["status"] for r in done["results"]] == [403, 403]
    assert done["results"][0]["problem"]["scope"] == f"{kind.area}:write"
    problem(
        await stranger.post("/v1/batch", json={"operations": [create(kind, least)]}),
        422,
        "batch_failed",
    )
    assert (await client.read(f"{kind.path}/{made['id']}"))["version"] == 1


async def test_dry_run_stores_nothing(client, kind):
    least = await kind.factory.least(client)
    before = (await client.read(kind.path, count="exact"))["total"]
    for atomic in (True, False):
        done = await batch(client, create(kind, least), atomic=atomic, dry_run="true")
        assert done["results"][0]["result"] == "created"
    assert (await client.read(kind.path, count="exact"))["total"] == before
