"""The same change of every record of a collection that matches a filter."""

from crm_api.platform.batching.events import WriteMatching
from support.clients import pointers, problem
from support.members import new_user


async def asked_of(client):
    """The jobs that write what matches; what else was set off is not of this."""
    jobs = (await client.read("jobs", limit=200))["data"]
    return [job for job in jobs if job["kind"] == WriteMatching.kind]


async def ask(client, kind, status=200, **body):
    answer = await client.post(f"/v1/{kind.path}/bulk/by-filter", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def rows_of(client, kind, count):
    """So many records that a filter finds, and one that it does not."""
    least, *bodies = await kind.bodies(client, count + 1)
    owner = {"owner_id": await new_user(client)}
    items = [{**body, **owner} for body in bodies]
    answer = await client.post(f"/v1/{kind.path}/bulk", json={"items": items})
    other = await client.made(kind.path, least)
    ids = [result["id"] for result in answer.json()["results"]]
    return ids, other["id"], {"owner_id": {"eq": owner["owner_id"]}}


async def done(client, kind, count, **body):
    asked = await ask(client, kind, 202, expected_count=count, **body)
    assert asked["count"] == count
    return (await client.ended(asked["job_id"]))["result"]


async def test_without_an_expected_count_nothing_is_done(client, kind):
    ids, _, filter = await rows_of(client, kind, 7)
    asked = await ask(client, kind, filter=filter, action="delete")
    assert (asked["count"], asked["job_id"], asked["limit"]) == (7, None, 100_000)
    assert len(asked["sample"]) == 5
    assert {row["id"] for row in asked["sample"]} <= set(ids)
    assert await asked_of(client) == []


async def test_what_matches_is_changed_binned_and_restored(client, kind, worker, org, owner):
    ids, other, filter = await rows_of(client, kind, 3)
    found = await done(client, kind, 3, filter=filter, action="update", patch=kind.factory.change)
    assert found == {"counts": {"updated": 3}, "errors": []}
    rows = [await client.read(f"{kind.path}/{id}") for id in ids]
    assert {row["version"] for row in rows} == {2}
    found = await done(client, kind, 3, filter=filter, action="update", patch=kind.factory.change)
    assert found["counts"] == {"unchanged": 3}
    found = await done(client, kind, 3, filter=filter, action="delete")
    assert found["counts"] == {"deleted": 3}
    problem(await client.get(f"/v1/{kind.path}/{ids[0]}"), 404)
    assert (await ask(client, kind, filter=filter, action="delete"))["count"] == 0
    asked = await ask(client, kind, 202, filter=filter, action="restore", expected_count=3)
    assert (await client.ended(asked["job_id"]))["result"]["counts"] == {"restored": 3}
    assert (await client.read(f"{kind.path}/{ids[0]}"))["version"] == 4
    assert (await client.read(f"{kind.path}/{other}"))["version"] == 1
    causes = await owner.fetch(
        "SELECT DISTINCT cause_id FROM events WHERE organization_id = $1 AND record_id = $2 "
        "AND type LIKE '%.restored'",
        org.id,
        ids[0],
    )
    assert [str(row[0]) for row in causes] == [asked["job_id"]]
    job = await client.read(f"jobs/{asked['job_id']}")
    assert job["progress"] == {"done": 3, "total": 3}


async def test_other_organizations_records_do_not_match(client, other, kind, worker):
    ids, _, filter = await rows_of(client, kind, 2)
    asked = await ask(other, kind, 202, filter=filter, action="delete", expected_count=0)
    assert (await other.ended(asked["job_id"]))["result"]["counts"] == {}
    assert (await client.read(f"{kind.path}/{ids[0]}"))["version"] == 1


async def test_the_guard_tells_the_real_count(client, kind, world, org):
    _, _, filter = await rows_of(client, kind, 3)
    path = f"/v1/{kind.path}/bulk/by-filter"
    for expected in (2, 4, 99):
        body = {"filter": filter, "action": "delete", "expected_count": expected}
        found = problem(await client.post(path, json=body), 409, "count_differs")
        assert (found["count"], found["expected_count"]) == (3, expected)
    await world.owner.execute("UPDATE organizations SET bulk_limit = 2 WHERE id = $1", org.id)
    assert (await client.read("organization"))["bulk_limit"] == 2
    body = {"filter": filter, "action": "delete", "expected_count": 3}
    found = problem(await client.post(path, json=body), 409, "too_many_records")
    assert (found["count"], found["limit"]) == (3, 2)
    assert await asked_of(client) == []


async def test_bad_requests(client, kind):
    path = f"/v1/{kind.path}/bulk/by-filter"
    change = kind.factory.change
    for body, pointer in (
        ({"action": "delete"}, "/filter"),
        ({"filter": {}}, "/action"),
        ({"filter": {}, "action": "burn"}, "/action"),
        ({"filter": {"nonsense": 1}, "action": "delete"}, "/filter/nonsense"),
        ({"filter": {}, "action": "update"}, "/patch"),
        ({"filter": {}, "action": "update", "patch": {}}, "/patch"),
        ({"filter": {}, "action": "update", "patch": kind.factory.wrong}, "/patch/"),
        ({"filter": {}, "action": "delete", "patch": change}, "/patch"),
        ({"filter": {}, "action": "update", "patch": change, "tags": ["a"]}, "/tags"),
        ({"filter": {}, "action": "delete", "expected_count": -1}, "/expected_count"),
        ({"filter": {}, "action": "delete", "more": 1}, "/more"),
    ):
        found = problem(await client.post(path, json=body), 422)
        assert pointers(found)[0].startswith(pointer), (body, found)


async def test_custom_values_that_no_record_may_have_are_told_before_the_work(client, kind, keyed):
    blind = await keyed(f"{kind.area}:write")
    await kind.define(
        client,
        {"name": "salary", "type": "integer", "visible_to": ["salaries:read"]},
        {"name": "buddy", "type": "relation", "relates_to": "contact"},
        {"name": "must", "type": "text", "required": True},
    )
    for custom, status, pointer in (
        ({"nonsense": 1}, 422, "/patch/custom/nonsense"),
        ({"salary": "much"}, 422, "/patch/custom/salary"),
        ({"buddy": "0190a000-0000-7000-8000-000000000000"}, 422, "/patch/custom/buddy"),
        ({"must": None}, 422, "/patch/custom/must"),
        ({"salary": 5}, 403, "/patch/custom/salary"),
    ):
        body = {"filter": {}, "action": "update", "patch": {"custom": custom}}
        api = blind if status == 403 else client
        answer = await api.post(f"/v1/{kind.path}/bulk/by-filter", json=body)
        assert pointers(problem(answer, status)) == [pointer]
    cleared = {"custom": {"salary": None, "buddy": None}}
    await ask(client, kind, filter={}, action="update", patch=cleared)


async def test_tags_are_added_and_taken_away(client, kind, worker):
    if "tags" not in kind.out.model_fields:
        body = {"filter": {}, "action": "tag", "tags": ["a"]}
        answer = await client.post(f"/v1/{kind.path}/bulk/by-filter", json=body)
        assert pointers(problem(answer, 422)) == ["/action"]
        return
    ids, other, filter = await rows_of(client, kind, 2)
    await client.changed(f"{kind.path}/{ids[0]}", {"tags": ["old", "a"]})
    found = await done(client, kind, 2, filter=filter, action="tag", tags=["a", "b"])
    assert found["counts"] == {"updated": 2}
    assert (await client.read(f"{kind.path}/{ids[0]}"))["tags"] == ["old", "a", "b"]
    assert (await client.read(f"{kind.path}/{ids[1]}"))["tags"] == ["a", "b"]
    found = await done(client, kind, 2, filter=filter, action="untag", tags=["a", "old"])
    assert (await client.read(f"{kind.path}/{ids[0]}"))["tags"] == ["b"]
    found = await done(client, kind, 2, filter=filter, action="tag", tags=["b"])
    assert found["counts"] == {"unchanged": 2}
    assert (await client.read(f"{kind.path}/{other}"))["version"] == 1


async def test_it_needs_the_scope_of_writing(client, kind, read_only, keyed):
    body = {"filter": {}, "action": "delete"}
    answer = await read_only.post(f"/v1/{kind.path}/bulk/by-filter", json=body)
    assert problem(answer, 403, "insufficient_scope")["scope"] == f"{kind.area}:write"


async def test_dry_run_begins_nothing(client, kind):
    _, _, filter = await rows_of(client, kind, 2)
    body = {"filter": filter, "action": "delete", "expected_count": 2}
    answer = await client.post(
        f"/v1/{kind.path}/bulk/by-filter", json=body, params={"dry_run": "true"}
    )
    assert answer.json()["count"] == 2
    assert await asked_of(client) == []
