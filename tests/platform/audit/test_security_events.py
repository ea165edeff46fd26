"""Who came in, who did not, and what opens doors: all of it is in the trail."""

from support.people import PASSWORD, joined, logged_in


async def types(client, **params):
    return [event["type"] for event in (await client.read("audit", limit=200, **params))["data"]]


async def test_logins_and_failures(client, anonymous, app):
    person = await joined(client)
    own = {"filter[actor_id]": person.user_id}
    wrong = await anonymous.post(
        "/v1/auth/login", json={"email": person.email, "password": "not the password at all"}
    )
    assert wrong.status_code == 401
    (failed,) = await client.told(person.user_id, 1, types="user.login_failed")
    assert failed["data"]["code"] == "wrong_credentials"
    assert failed["request_id"] == wrong.headers["x-request-id"]
    await logged_in(app, person)
    assert "session.started" in await types(client, **own)
    events = await client.read("audit", **own, **{"filter[type]": "session.started"})
    assert events["data"][0]["data"]["methods"] == ["pwd"]


async def test_passwords_that_are_set_by_a_token(client, anonymous):
    person = await joined(client)
    begun = await client.post(f"/v1/users/{person.user_id}/reset-password")
    assert begun.status_code == 200, begun.text
    body = {"token": begun.json()["token"], "new_password": f"{PASSWORD} and more"}
    assert (await anonymous.post("/v1/auth/reset-password", json=body)).status_code == 204
    assert (await types(client, **{"filter[record_id]": person.user_id}))[:2] == [
        "user.password_reset",
        "user.password_reset_begun",
    ]


async def test_keys(client):
    made = await client.made("api-keys", {"name": "Example", "scopes": ["contacts:read"]})
    await client.post(f"/v1/api-keys/{made['id']}/rotate", json={})
    await client.delete(f"/v1/api-keys/{made['id']}")
    told = await types(client, **{"filter[record_id]": made["id"]})
    assert told == ["api_key.deleted", "api_key.rotated", "api_key.created"]
