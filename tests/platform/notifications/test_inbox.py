"""The inbox: unread first, in the filter language, marked, archived, snoozed; at both faces."""

from datetime import UTC, datetime, timedelta

import pytest

from support.clients import pointers, problem
from support.inboxes import inbox
from support.members import custom_role, key_for, member

LIST = """query($where: NotificationWhere, $first: Int, $after: String, $state: String) {
    notifications(where: $where, first: $first, after: $after, state: $state) {
        totalCount pageInfo { endCursor hasNextPage }
        nodes { id kind title isRead count record { target title } actor { kind name } } } }"""


@pytest.fixture
async def one(client, worker):
    """An administrator who was told of three records."""
    made = await member(client, "admin")
    for number in range(3):
        body = {"last_name": f"Person {number}", "owner_id": made.id}
        await client.made("contacts", body)
    await inbox(made.api, 3)
    return made


async def mark(one, **body):
    answer = await one.api.post("/v1/notifications/mark", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["changed"]


async def listed(one, **params):
    return (await one.api.read("notifications", **params))["data"]


async def test_what_is_unread_comes_first(one):
    newest, middle, oldest = await listed(one)
    assert [row["record"]["title"] for row in (newest, middle, oldest)] == [
        "Person 2",
        "Person 1",
        "Person 0",
    ]
    assert await mark(one, ids=[newest["id"]], is_read=True) == 1
    assert await mark(one, ids=[newest["id"]], is_read=True) == 0
    assert [row["id"] for row in await listed(one)] == [middle["id"], oldest["id"], newest["id"]]
    assert await one.api.read("notifications/unread") == {"unread": 2}
    read = await one.api.read(f"notifications/{newest['id']}")
    assert read["is_read"]
    assert read["read_at"] is not None
    assert await mark(one, ids=[newest["id"]], is_read=False) == 1
    assert (await one.api.read(f"notifications/{newest['id']}"))["read_at"] is None


async def test_lists_walk_filter_and_sort(one):
    rows = await listed(one)
    page = await one.api.read("notifications", limit=2, count="exact")
    assert (page["total"], len(page["data"])) == (3, 2)
    rest = await one.api.read("notifications", limit=2, cursor=page["next_cursor"])
    assert [row["id"] for row in page["data"] + rest["data"]] == [row["id"] for row in rows]
    record = rows[1]["record_id"]
    found = await listed(one, **{"filter[record_id]": record, "filter[kind]": "assigned"})
    assert [row["id"] for row in found] == [rows[1]["id"]]
    assert [row["id"] for row in await listed(one, sort="last_at")] == [
        row["id"] for row in reversed(rows)
    ]
    for params, wrong in (
        ({"filter[owner_id]": one.id}, "/filter/owner_id"),
        ({"sort": "group_key"}, "sort"),
        ({"state": "lost"}, "state"),
    ):
        answer = await one.api.get("/v1/notifications", params=params)
        assert wrong in str(pointers(problem(answer, 422))), params


async def test_archived_and_snoozed_ones_are_out_of_the_way(one):
    first, second, third = [row["id"] for row in await listed(one)]
    assert await mark(one, ids=[first], is_archived=True) == 1
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert await mark(one, ids=[second], snoozed_until=later) == 1
    assert [row["id"] for row in await listed(one)] == [third]
    (archived,) = await listed(one, state="archived")
    assert (archived["id"], archived["is_read"]) == (first, True)
    assert [row["id"] for row in await listed(one, state="snoozed")] == [second]
    assert len(await listed(one, state="all")) == 3
    assert await one.api.read("notifications/unread") == {"unread": 1}
    ago = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert await mark(one, ids=[second], snoozed_until=ago) == 1
    assert await mark(one, ids=[first], is_archived=False) == 1
    assert {row["id"] for row in await listed(one)} == {first, second, third}
    assert await mark(one, ids=[second], snoozed_until=None) == 1


async def test_all_are_marked_but_those_that_were_not_seen(one, client):
    rows = await listed(one)
    until = rows[1]["last_at"]
    assert await mark(one, until=until, is_read=True) == 2
    assert [row["id"] for row in await listed(one, state="unread")] == [rows[0]["id"]]
    now = datetime.now(UTC).isoformat()
    assert await mark(one, until=now, is_archived=True) == 3
    assert await listed(one) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": ["01990000-0000-7000-8000-000000000001"]},
        {"is_read": True},
        {"ids": [], "is_read": True},
        {"ids": ["x"], "is_read": True},
        {"until": "yesterday", "is_read": True},
        {"ids": ["01990000-0000-7000-8000-000000000001"], "is_read": "yes"},
        {"ids": ["01990000-0000-7000-8000-000000000001"], "until": "2026-01-01T00:00:00Z",
         "is_read": True},
    ],
)  # fmt: skip
async def test_marks_that_say_nothing_are_refused(client, body):
    one = await member(client, "read_only")
    problem(await one.api.post("/v1/notifications/mark", json=body), 422)


async def test_rehearsed_marks_change_nothing(one):
    rows = await listed(one)
    body = {"ids": [rows[0]["id"]], "is_read": True}
    answer = await one.api.post("/v1/notifications/mark", json=body, params={"dry_run": "true"})
    assert answer.json() == {"changed": 1}
    assert await one.api.read("notifications/unread") == {"unread": 3}
    reader = await key_for(one.api, one.id, "notifications:read")
    problem(await reader.post("/v1/notifications/mark", json=body), 403, "insufficient_scope")


async def test_graphql_says_the_same(one):
    rows = await listed(one)
    data = (await one.api.data(LIST, first=2))["notifications"]
    assert data["totalCount"] == 3
    assert [node["id"] for node in data["nodes"]] == [row["id"] for row in rows[:2]]
    assert data["nodes"][0]["record"] == {"target": "contact", "title": "Person 2"}
    after = data["pageInfo"]["endCursor"]
    rest = (await one.api.data(LIST, first=2, after=after))["notifications"]
    assert [node["id"] for node in rest["nodes"]] == [rows[2]["id"]]
    where = {"recordId": {"eq": rows[0]["record_id"]}}
    found = (await one.api.data(LIST, where=where))["notifications"]["nodes"]
    assert [node["title"] for node in found] == [rows[0]["title"]]
    marked = "mutation($input: MarkInput!) { markNotifications(input: $input) }"
    assert await one.api.data(marked, input={"ids": [rows[0]["id"]], "isArchived": True}) == {
        "markNotifications": 1
    }
    data = await one.api.data("{ unreadNotifications }")
    assert data == {"unreadNotifications": 2}
    data = await one.api.data(
        "query($id: UUID!) { notification(id: $id) { isRead archivedAt } }", id=rows[0]["id"]
    )
    assert data["notification"]["isRead"]
    wrong = await one.api.gql(LIST, state="lost")
    assert wrong["errors"]


async def test_titles_are_in_the_language_of_their_reader(one, client):
    await client.changed(f"users/{one.id}", {"language": "de-AT"})
    titles = [row["title"] for row in await listed(one)]
    assert titles[0] == "Person 2 gehört jetzt Ihnen, durch Jemand"


async def test_roles_do_not_stand_between_a_user_and_their_inbox(client):
    for role in ("sales_rep", "read_only", "marketing"):
        one = await member(client, role)
        assert await listed(one) == []
        assert (await one.api.get("/v1/notification-preferences")).status_code == 200
        answer = await one.api.patch(
            "/v1/notification-preferences", json={"choices": {"changed": {"email": "daily"}}}
        )
        assert answer.status_code == 200
        refused = await one.api.patch("/v1/notification-preferences/defaults", json={})
        problem(refused, 403, "missing_right")


async def test_preferences_are_patched_and_told(client):
    one = await member(client, "admin")
    path = "/v1/notification-preferences"
    common = {"choices": {"changed": {"email": "weekly"}}, "quiet_from": "22:00",
              "quiet_until": "07:00"}  # fmt: skip
    defaults = (await client.patch(f"{path}/defaults", json=common)).json()
    assert (defaults["choices"], defaults["version"]) == (common["choices"], 1)
    given = {"choices": {"changed": {"sms": "daily"}, "*": {"email": "off"}}, "phone": "030 123456"}
    own = (await one.api.patch(path, json=given)).json()
    assert own["phone"] == "+4930123456"
    assert own["effective"]["changed"] == {
        "in_app": "instantly",
        "email": "off",
        "sms": "daily",
        "messenger": "off",
    }
    own = (await one.api.patch(path, json={"choices": {"*": None}})).json()
    assert own["choices"] == {"changed": {"sms": "daily"}}
    assert own["effective"]["changed"]["email"] == "weekly"
    events = await client.told(one.id, 2, types="notification_preference.updated")
    assert all("phone" not in str(event["data"]) for event in events)
    again = (await one.api.patch(path, json={"choices": {"*": None}})).json()
    assert again["version"] == own["version"]
    data = await one.api.data(
        "mutation($input: PreferencesPatchInput!) { updateNotificationPreferences(input: $input) "
        "{ choices digestAt effective } }",
        input={"choices": None, "digestAt": "09:15"},
    )
    assert data["updateNotificationPreferences"]["choices"] == {}
    assert (await one.api.read("notification-preferences"))["digest_at"] == "09:15"
    data = await one.api.data("{ notificationDefaults { choices quietFrom } }")
    assert data["notificationDefaults"]["quietFrom"] == "22:00"


@pytest.mark.parametrize(
    "body",
    [
        {"choices": {"gossip": {"email": "off"}}},
        {"choices": {"changed": {"pigeon": "off"}}},
        {"choices": {"changed": {"email": "yearly"}}},
        {"choices": {"changed": {"in_app": "daily"}}},
        {"choices": []},
        {"digest_at": "24:00"},
        {"digest_weekday": "someday"},
        {"quiet_from": "22:00"},
        {"phone": "none"},
        {"unknown": 1},
    ],
)
async def test_wrong_wishes_are_refused(client, body):
    one = await member(client, "admin")
    problem(await one.api.patch("/v1/notification-preferences", json=body), 422)


async def test_an_inbox_looks_at_records_of_the_kinds_alone_that_it_tells_of(
    client, worker, statements
):
    role = await custom_role(client, levels={"*": {"read": "own"}})
    part = await member(client, role)
    seen = await client.made("contacts", {"last_name": "Seen", "owner_id": part.id})
    await inbox(part.api, 1)
    lost = await client.made("contacts", {"last_name": "Lost", "owner_id": part.id})
    await inbox(part.api, 2)
    await client.changed(f"contacts/{lost['id']}", {"owner_id": None})
    async with statements() as sent:
        (told,) = await listed(part)
        assert (await part.api.read(f"notifications/{told['id']}"))["record_id"] == seen["id"]
    assert [sql for sql in sent.all if "FROM contacts" in sql]
    assert not [sql for sql in sent.all if "FROM product_relations" in sql or "FROM deals" in sql]
