"""Sessions: refreshed, stolen, ended, and who is let in no more."""

import asyncio

import pytest

from support.clients import Api, problem
from support.people import invited, joined, logged_in


async def refreshed(api, token):
    return await api.post("/v1/auth/refresh", json={"refresh_token": token})


async def test_each_refresh_gives_the_next_tokens(anonymous, app, person):
    tokens = await logged_in(app, person)
    seen = {tokens["refresh_token"]}
    for _ in range(3):
        answer = await refreshed(anonymous, tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        assert tokens["refresh_token"] not in seen
        seen.add(tokens["refresh_token"])
        async with Api(app, tokens["access_token"]) as api:
            assert (await api.get("/v1/me")).status_code == 200


async def test_a_lost_answer_is_given_again(anonymous, app, person):
    tokens = await logged_in(app, person)
    answers = await asyncio.gather(
        *(refreshed(anonymous, tokens["refresh_token"]) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_a_stolen_token_ends_the_session(anonymous, app, person, client, owner):
    tokens = await logged_in(app, person)
    second = (await refreshed(anonymous, tokens["refresh_token"])).json()
    third = (await refreshed(anonymous, second["refresh_token"])).json()
    found = problem(await refreshed(anonymous, tokens["refresh_token"]), 401)
    assert found["code"] == "refresh_token_reused"
    problem(await refreshed(anonymous, third["refresh_token"]), 401, "session_ended")
    async with Api(app, third["access_token"]) as api:
        problem(await api.get("/v1/me"), 401, "session_ended")
    events = await client.told(tokens["session_id"], 2, types="session.*")
    assert [event["type"] for event in events] == ["session.started", "session.ended"]
    assert events[1]["data"] == {"because": "token_reused"}
    assert person.email not in str(events)


async def test_a_token_used_long_ago_ends_the_session(anonymous, app, person, owner):
    tokens = await logged_in(app, person)
    successor = (await refreshed(anonymous, tokens["refresh_token"])).json()
    back = "UPDATE sessions SET refreshed_at = refreshed_at - interval '11 s' WHERE id = $1"
    await owner.execute(back, tokens["session_id"])
    problem(await refreshed(anonymous, tokens["refresh_token"]), 401, "refresh_token_reused")
    problem(await refreshed(anonymous, successor["refresh_token"]), 401, "session_ended")


@pytest.mark.parametrize(
    ("column", "interval"), [("refreshed_at", "30 days"), ("expires_at", "90 days")]
)
async def test_sessions_expire(anonymous, app, person, owner, column, interval):
    tokens = await logged_in(app, person)
    back = f"UPDATE sessions SET {column} = {column} - interval '{interval}' WHERE id = $1"
    await owner.execute(back, tokens["session_id"])
    problem(await refreshed(anonymous, tokens["refresh_token"]), 401, "session_expired")


async def test_tokens_of_others_and_altered_ones(anonymous, app, person):
    text = (await logged_in(app, person))["refresh_token"]
    middle = text.index("_", 14)
    altered = [
        text[:-1] + ("a" if text[-1] != "a" else "b"),
        text[:-1],
        text + "x",
        text[:20] + ("A" if text[20] != "A" else "B") + text[21:],
        text[: middle - 1] + ("A" if text[middle - 1] != "A" else "Q") + text[middle:],
        text.replace("crm_refresh", "crm_invite"),
    ]
    for token in altered:
        problem(await refreshed(anonymous, token), 401, "invalid_refresh_token")
    assert (await refreshed(anonymous, text)).status_code == 200


async def test_a_refresh_token_is_no_access_token(app, person):
    tokens = await logged_in(app, person)
    async with Api(app, tokens["refresh_token"]) as api:
        problem(await api.get("/v1/me"), 401, "invalid_key")


async def test_logging_out_ends_this_session_alone(as_person, person, anonymous):
    one, two = await as_person(person), await as_person(person)
    assert [s["is_current"] for s in (await one.get("/v1/me/sessions")).json()] == [False, True]
    assert (await one.post("/v1/auth/logout")).status_code == 204
    problem(await one.get("/v1/me"), 401, "session_ended")
    problem(await refreshed(anonymous, one.tokens["refresh_token"]), 401, "session_ended")
    assert (await two.get("/v1/me")).status_code == 200
    assert len((await two.get("/v1/me/sessions")).json()) == 1


async def test_sessions_are_listed_and_ended_at_both_faces(as_person, person):
    one, two, three = [await as_person(person) for _ in range(3)]
    listed = (await one.data("{ sessions { id isCurrent methods } }"))["sessions"]
    assert [(s["id"], s["methods"]) for s in listed] == [
        (api.tokens["session_id"], ["pwd"]) for api in (three, two, one)
    ]
    path = f"/v1/me/sessions/{two.tokens['session_id']}"
    assert (await one.delete(path)).status_code == 204
    problem(await one.delete(path), 404, "not_found")
    problem(await two.get("/v1/me"), 401, "session_ended")
    assert await one.data("mutation { endOtherSessions }") == {"endOtherSessions": 1}
    problem(await three.get("/v1/me"), 401, "session_ended")
    assert (await one.data("mutation { logOut }")) == {"logOut": True}
    problem(await one.get("/v1/me"), 401, "session_ended")


async def test_sessions_of_others_are_not_ended(client, other, as_person, person):
    mine = await as_person(person)
    for admin in (client, other):
        stranger = await as_person(await joined(admin))
        path = f"/v1/me/sessions/{mine.tokens['session_id']}"
        problem(await stranger.delete(path), 404, "not_found")
    assert (await mine.get("/v1/me")).status_code == 200


async def test_a_suspended_user_is_let_in_no_more(client, as_person, person, anonymous):
    api = await as_person(person)
    answer = await client.post(f"/v1/users/{person.user_id}/suspend")
    assert answer.json()["status"] == "suspended"
    problem(await api.get("/v1/me"), 401)
    problem(await refreshed(anonymous, api.tokens["refresh_token"]), 401, "session_ended")
    body = {"email": person.email, "password": person.password}
    problem(await anonymous.post("/v1/auth/login", json=body), 403, "no_membership")
    data = await client.data(
        "mutation ($id: UUID!) { reactivateUser(id: $id) { status } }", id=person.user_id
    )
    assert data["reactivateUser"] == {"status": "active"}
    problem(await api.get("/v1/me"), 401, "session_ended")
    assert (await as_person(person)) is not None


async def test_a_user_in_the_bin_is_let_in_no_more(client, as_person, person):
    api = await as_person(person)
    assert (await client.delete(f"/v1/users/{person.user_id}")).status_code == 204
    problem(await api.get("/v1/me"), 401, "user_not_active")


async def test_a_user_is_logged_out_everywhere(client, as_person, person):
    apis = [await as_person(person) for _ in range(2)]
    assert (await client.delete(f"/v1/users/{person.user_id}/sessions")).status_code == 204
    for api in apis:
        problem(await api.get("/v1/me"), 401, "session_ended")


async def test_nobody_suspends_themselves(as_person, person):
    api = await as_person(person)
    problem(await api.post(f"/v1/users/{person.user_id}/suspend"), 409, "own_user")


async def test_a_person_switches_between_organizations(client, other, app, person, as_person):
    _, token = await invited(other, person.email)
    body = {"token": token, "password": person.password}
    answer = await other.post("/v1/auth/accept-invitation", json=body)
    there = answer.json()["organization_id"]
    api = await as_person(person, organization_id=person.organization_id)
    tokens = (await api.post("/v1/auth/switch", json={"organization_id": there})).json()
    async with Api(app, tokens["access_token"]) as second:
        me = await second.read("me")
        assert (me["organization_id"], len(me["organizations"])) == (there, 2)
        made = await second.made("companies", {"name": "There"})
    problem(await api.get(f"/v1/companies/{made['id']}"), 404)
    await other.post(f"/v1/users/{answer.json()['user_id']}/suspend")
    problem(await api.post("/v1/auth/switch", json={"organization_id": there}), 403)
    assert (await api.get("/v1/me")).status_code == 200


async def test_keys_have_no_sessions(client, person):
    for method, path in (
        ("GET", "/v1/me/sessions"),
        ("POST", "/v1/auth/logout"),
        ("DELETE", "/v1/me/sessions"),
    ):
        problem(await client.request(method, path), 403, "no_person")
    assert (await client.read("me"))["account"] is None


async def test_the_teams_of_a_person_are_known(client, as_person, person):
    team = await client.made("teams", {"name": "Example"})
    await client.made("team-members", {"team_id": team["id"], "user_id": person.user_id})
    api = await as_person(person)
    assert (await api.read("me"))["team_ids"] == [team["id"]]


async def test_open_sessions_are_bounded(app, person, as_person, monkeypatch):
    from crm_api.platform.accounts import sessions

    monkeypatch.setattr(sessions, "MOST", 3)
    apis = [await as_person(person) for _ in range(4)]
    problem(await apis[0].get("/v1/me"), 401, "session_ended")
    assert len((await apis[3].get("/v1/me/sessions")).json()) == 3


async def test_dry_run_ends_nothing(as_person, person):
    api = await as_person(person)
    dry = {"dry_run": "true"}
    assert (await api.post("/v1/auth/logout", params=dry)).status_code == 204
    assert (await api.get("/v1/me")).status_code == 200


async def test_the_logins_of_a_purged_user_go_too(client, as_person, person, owner):
    api = await as_person(person)
    answer = await client.delete(f"/v1/users/{person.user_id}", params={"purge": "true"})
    assert answer.status_code == 204, answer.text
    count = "SELECT count(*) FROM sessions WHERE user_id = $1"
    assert await owner.fetchval(count, person.user_id) == 0
    problem(await api.get("/v1/me"), 401, "session_ended")


async def test_what_is_kept_of_a_repeated_request_tells_no_password(
    client, as_person, person, owner
):
    from hashlib import sha256

    api = await as_person(person)
    key = {"Idempotency-Key": "once"}
    body = {"current_password": person.password, "new_password": "another plain example, 2027"}
    for _ in range(2):
        answer = await api.post("/v1/me/password", json=body, headers=key)
        assert answer.status_code == 204
    kept = await owner.fetchrow(
        "SELECT * FROM kept_answers WHERE organization_id = $1", api.tokens["organization_id"]
    )
    parts = (b"POST", b"/v1/me/password", b"", person.user_id.encode(), answer.request.content)
    plain = sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    assert kept["fingerprint"] != plain.hexdigest()


async def test_an_invitation_is_not_kept_for_repeats(client):
    user = await client.made("users", {"name": "A", "email": "kept@example.com"})
    key = {"Idempotency-Key": "once"}
    path = f"/v1/users/{user['id']}/invite"
    assert (await client.post(path, headers=key)).status_code == 200
    problem(await client.post(path, headers=key), 409, "answer_not_kept")
