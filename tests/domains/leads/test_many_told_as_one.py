"""What one piece of work did to many leads is told as long as one of them is seen."""

from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from crm_api.kit.clock import now
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.ids import new_id
from crm_api.platform.notifications.repository import OTHERS_AT_MOST, Telling
from support.inboxes import told
from support.leads import captured, pool_of
from support.members import custom_role, member

COUNT = 4
INBOX = "query { notifications { nodes { id count path record { id } } } }"


@pytest.fixture
async def given(client, worker):
    """Somebody who sees what is theirs, and was given leads by one plan."""
    own = dict.fromkeys(("read", "create", "update", "delete"), "own")
    one = await member(client, await custom_role(client, levels={"*": own}))
    pool = await pool_of(client, {one.id: 1})
    leads = await captured(client, COUNT)
    answer = await client.post(f"/v1/lead-pools/{pool['id']}/distribute", json={"preview": False})
    assert answer.status_code == 201, answer.text
    await client.ended(answer.json()["job_id"])
    (row,) = await told(client, one)
    assert (row["kind"], row["count"]) == ("assigned", COUNT)
    assert row["record"]["id"] == row["record_id"]
    return SimpleNamespace(one=one, row=row, leads=leads)


async def listed(given):
    """The notification of many, as it is listed."""
    found = (await given.one.api.read("notifications", limit=200))["data"]
    return [row for row in found if row["id"] == given.row["id"]]


def asked(seen):
    """How often notifications were asked for; who is known already is not looked up again."""
    return sum("notifications" in statement for statement in seen.all)


async def test_it_is_listed_as_long_as_one_of_them_is_seen(client, given, statements):
    last = given.row["record_id"]
    others = [lead["id"] for lead in (await client.read("leads"))["data"] if lead["id"] != last]
    assert len(others) == COUNT - 1
    async with statements() as before:
        (row,) = await listed(given)
    for lead in (last, *others[1:]):
        await client.changed(f"leads/{lead}", {"owner_id": None})
        async with statements() as after:
            (row,) = await listed(given)
        # Which one is seen is no question for each of them, nor which one it was before.
        assert asked(after) == asked(before)
        assert (row["count"], row["path"]) == (COUNT, given.row["path"])
        assert (row["record"], row["record_id"], row["title"]) == (None, None, given.row["title"])
        assert last not in str(row)
    one = await given.one.api.read(f"notifications/{row['id']}")
    assert one["record"] is None
    nodes = (await given.one.api.data(INBOX))["notifications"]["nodes"]
    told_of = {"id": row["id"], "count": COUNT, "path": row["path"], "record": None}
    assert told_of in nodes
    await client.changed(f"leads/{others[0]}", {"owner_id": None})
    assert await listed(given) == []
    await client.changed(f"leads/{others[1]}", {"owner_id": given.one.id})
    assert len(await listed(given)) == 1


async def test_of_those_that_are_destroyed_the_next_one_stands_for_all(client, given, owner, org):
    left = {lead["id"] for lead in (await client.read("leads"))["data"]}
    kept = "SELECT record_id, other_ids FROM notifications WHERE organization_id = $1 AND id = $2"
    while len(left) > 1:
        (row,) = await listed(given)
        assert row["record_id"] in left
        answer = await client.delete(f"/v1/leads/{row['record_id']}?purge=true")
        assert answer.status_code == 204, answer.text
        left.discard(row["record_id"])
        stored = await owner.fetchrow(kept, org.id, UUID(row["id"]))
        ids = {stored["record_id"], *(stored["other_ids"] or ())}
        assert {str(id) for id in ids} == left
    assert (await client.delete(f"/v1/leads/{left.pop()}?purge=true")).status_code == 204
    assert await listed(given) == []
    assert await owner.fetchrow(kept, org.id, UUID(given.row["id"])) is None


async def test_the_latest_are_kept_each_once(client, org, tx_of, owner):
    one = await member(client, "admin")
    ids = [uuid4() for _ in range(OTHERS_AT_MOST + 20)]

    async def tell(last, *others):
        moment, fixed = now(), ("assigned", "lead.assigned", new_id(), "lead")
        listed = f"{{{','.join(map(str, others))}}}" if others else None
        row = (new_id(), UUID(one.id), *fixed, last, None, None, "system", None)
        more = (1 + len(others), "assigned:cause:x", True, moment, listed)
        async with unit_of_work(tx_of(org)) as tx:
            ((_, id),) = (await Telling(tx).add([(*row, *more)])).items()
        sql = "SELECT record_id, other_ids, count FROM notifications WHERE id = $1"
        return tuple(await owner.fetchrow(sql, id))

    assert await tell(ids[0]) == (ids[0], None, 1)
    assert await tell(ids[0]) == (ids[0], None, 2)
    assert await tell(ids[2], ids[1]) == (ids[2], [ids[1], ids[0]], 4)
    assert await tell(ids[0]) == (ids[0], [ids[2], ids[1]], 5)
    assert await tell(ids[-1], *ids[3:-1]) == (
        ids[-1],
        ids[3 : 3 + OTHERS_AT_MOST],
        5 + len(ids) - 3,
    )
