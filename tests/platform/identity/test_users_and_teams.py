"""What users and teams have beyond every collection."""

import asyncio

from support.factories import FACTORIES


async def made(client, kind, **more):
    return await client.made(kind, {**await FACTORIES[kind].least(client), **more})


async def test_an_address_belongs_to_one_user(client, other):
    await made(client, "users", email="Same@Example.com")
    again = await client.post("/v1/users", json={"name": "Other", "email": "same@example.COM"})
    assert again.status_code == 409
    assert again.json()["errors"][0]["pointer"] == "/email"
    await made(other, "users", email="same@example.com")


async def test_the_address_of_a_user_in_the_bin_is_free(client):
    user = await made(client, "users", email="same@example.com")
    assert (await client.delete(f"/v1/users/{user['id']}")).status_code == 204
    await made(client, "users", email="same@example.com")
    assert (await client.post(f"/v1/users/{user['id']}/restore")).status_code == 409


async def test_users_begin_as_invited_and_nobody_says_otherwise(client):
    user = await made(client, "users")
    assert user["status"] == "invited"
    body = {"name": "A", "email": "a@example.com", "status": "active"}
    refused = await client.post("/v1/users", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/status"
    refused = await client.patch(f"/v1/users/{user['id']}", json={"status": "active"})
    assert refused.status_code == 422


async def test_teams_are_a_tree(client):
    top = await made(client, "teams")
    below = await made(client, "teams", parent_id=top["id"])
    refused = await client.patch(f"/v1/teams/{top['id']}", json={"parent_id": below["id"]})
    assert refused.status_code == 409
    assert refused.json()["code"] == "hierarchy_cycle"


async def test_two_teams_cannot_be_put_below_each_other_at_once(client):
    for _ in range(5):
        one, two = await made(client, "teams"), await made(client, "teams")
        answers = await asyncio.gather(
            client.patch(f"/v1/teams/{one['id']}", json={"parent_id": two["id"]}),
            client.patch(f"/v1/teams/{two['id']}", json={"parent_id": one["id"]}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_user_joins_a_team_once(client):
    body = await FACTORIES["team_members"].least(client)
    member = await client.made("team-members", body)
    again = await client.post("/v1/team-members", json=body)
    assert again.status_code == 409
    assert (await client.delete(f"/v1/team-members/{member['id']}")).status_code == 204
    await client.made("team-members", body)


async def test_members_over_graphql(client):
    body = await FACTORIES["team_members"].least(client)
    await client.made("team-members", {**body, "is_lead": True})
    data = await client.data(
        "query ($id: UUID!) { team(id: $id) { members { nodes { isLead user { name email } } } } }",
        id=body["team_id"],
    )
    (node,) = data["team"]["members"]["nodes"]
    assert node["isLead"] is True
    assert node["user"]["name"] == "Sample Member"
