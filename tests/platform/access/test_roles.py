"""Roles: what they open, who gives them, and who is left in the end."""

import asyncio

import pytest

from support.clients import Api, pointers, problem
from support.members import custom_role, key_for, member, new_user, role_of

SEQUENCE = {"name": "A", "key": "a", "pattern": "A-{number}"}
RATES = {"rates": [{"base": "EUR", "quote": "USD", "day": "2026-01-02", "rate": "1.1"}]}
BUILT_IN = {"admin", "sales_manager", "sales_rep", "marketing", "service", "read_only"}


async def test_every_organization_begins_with_the_same_roles(client):
    roles = (await client.read("roles", sort="name"))["data"]
    assert {role["key"] for role in roles} == BUILT_IN
    admin = next(role for role in roles if role["key"] == "admin")
    assert (admin["permissions"], admin["levels"]["*"]["delete"]) == (["*"], "all")


async def test_built_in_roles_stay_as_they_are(client):
    admin = await role_of(client, "admin")
    for answer in (
        await client.patch(f"/v1/roles/{admin}", json={"permissions": []}),
        await client.delete(f"/v1/roles/{admin}"),
        await client.delete(f"/v1/roles/{admin}", params={"purge": "true"}),
        await client.post("/v1/roles/bulk", json={"op": "delete", "items": [{"id": admin}]}),
    ):
        found = answer.json()
        error = found["results"][0]["problem"] if "results" in found else found
        assert error["code"] == "built_in", found
    assert (await client.read(f"roles/{admin}"))["version"] == 1


async def test_a_role_cannot_be_made_a_built_in_one(client):
    answer = await client.post("/v1/roles", json={"name": "A", "key": "admin"})
    assert pointers(problem(answer, 422)) == ["/key"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"levels": {"nonsense": {"read": "all"}}}, "/levels/nonsense"),
        ({"levels": {"users": {"read": "all"}}}, "/levels/users"),
        ({"levels": {"contacts": {"read": "most"}}}, "/levels/contacts/read"),
        ({"levels": {"contacts": {"shred": "all"}}}, "/levels/contacts/shred"),
        ({"permissions": ["nonsense"]}, "/permissions/0"),
        ({"masks": {"user": {"hidden": ["name"]}}}, "/masks/user"),
        ({"masks": {"contact": {"hidden": ["nonsense"]}}}, "/masks/contact/hidden/0"),
        ({"masks": {"contact": {"hidden": ["name"]}}}, "/masks/contact/hidden/0"),
        ({"masks": {"contact": {"hidden": ["owner_id"]}}}, "/masks/contact/hidden/0"),
        ({"masks": {"contact": {"read_only": ["name"]}}}, "/masks/contact/read_only/0"),
    ],
)
async def test_bad_roles(client, body, pointer):
    found = problem(await client.post("/v1/roles", json={"name": "Example", **body}), 422)
    assert pointers(found) == [pointer]


async def test_a_key_for_a_user_may_do_what_both_its_scopes_and_the_roles_allow(client):
    reader = await member(client, "read_only")
    assert (await reader.api.read("contacts"))["data"] == []
    found = problem(
        await reader.api.post("/v1/contacts", json={"last_name": "A"}), 403, "missing_right"
    )
    assert found["right"] == "contacts:create"
    narrow = await member(client, "admin", scopes=("companies:read",))
    await narrow.api.read("companies")
    problem(await narrow.api.get("/v1/contacts"), 403, "insufficient_scope")
    problem(await narrow.api.post("/v1/companies", json={"name": "A"}), 403, "insufficient_scope")


async def test_a_user_without_a_role_may_do_nothing(client):
    nobody = await member(client)
    for path in ("contacts", "companies", "views", "events", "jobs"):
        problem(await nobody.api.get(f"/v1/{path}"), 403, "missing_right")
    problem(await nobody.api.post("/v1/contacts", json={"last_name": "A"}), 403, "missing_right")


@pytest.mark.parametrize("role", sorted(BUILT_IN - {"admin"}))
async def test_settings_are_for_those_with_their_permission(client, role):
    one = (await member(client, role)).api
    admin_role = await role_of(client, "admin")
    own = await new_user(client)
    for method, path, body, right in (
        ("POST", "users", {"email": "a@example.com", "name": "A"}, "users:create"),
        ("POST", "teams", {"name": "A"}, "teams:create"),
        ("POST", "roles", {"name": "A"}, "roles:create"),
        ("POST", "role-assignments", {"role_id": admin_role, "user_id": own}, "roles:create"),
        ("POST", "api-keys", {"name": "A", "scopes": ["*"]}, "api_keys:create"),
        ("GET", "api-keys", None, "api_keys:read"),
        ("PATCH", "organization", {"name": "A"}, "organization:write"),
        ("PUT", "exchange-rates", RATES, "exchange_rates:write"),
        ("POST", "number-sequences", SEQUENCE, "number_sequences:create"),
    ):
        answer = await one.request(method, f"/v1/{path}", json=body)
        assert problem(answer, 403, "missing_right")["right"] == right
    for path in ("users", "teams", "roles", "role-assignments"):
        await one.read(path)


async def test_a_permission_opens_its_settings(client):
    role = await custom_role(client, permissions=["manage_users"])
    manager = (await member(client, role)).api
    made = await manager.made("users", {"email": "b@example.com", "name": "B"})
    await manager.changed(f"users/{made['id']}", {"name": "C"})
    problem(await manager.post("/v1/roles", json={"name": "A"}), 403, "missing_right")


async def test_rights_follow_the_roles_within_a_second(client):
    user_id = await new_user(client, await role_of(client, "read_only"))
    api = await key_for(client, user_id)
    problem(await api.post("/v1/contacts", json={"last_name": "A"}), 403, "missing_right")
    body = {"role_id": await role_of(client, "service"), "user_id": user_id}
    given = await client.made("role-assignments", body)
    await asyncio.sleep(1.05)
    await api.made("contacts", {"last_name": "A"})
    await client.delete(f"/v1/role-assignments/{given['id']}")
    await asyncio.sleep(1.05)
    problem(await api.post("/v1/contacts", json={"last_name": "A"}), 403, "missing_right")


async def test_a_key_opens_nothing_when_its_user_is_gone(client, app):
    one = await member(client, "read_only")
    await client.delete(f"/v1/users/{one.id}")
    app.state.services.authenticator.forget()
    problem(await one.api.get("/v1/contacts"), 401, "user_not_active")


async def test_of_several_roles_the_highest_level_wins(client):
    low = await custom_role(client, levels={"contacts": {"read": "own"}})
    high = await custom_role(
        client, levels={"contacts": {"read": "all"}, "companies": {"create": "own"}}
    )
    both = (await member(client, low, high)).api
    await client.made("contacts", {"last_name": "A"})
    assert len((await both.read("contacts"))["data"]) == 1
    problem(await both.get("/v1/companies"), 403, "missing_right")


# Nobody gives more than they have


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"permissions": ["*"]}, "/permissions/0"),
        ({"permissions": ["purge"]}, "/permissions"),
        ({"permissions": ["manage_users"]}, "/permissions"),
        ({"levels": {"contacts": {"read": "all"}}}, "/levels/contacts/read"),
        ({"levels": {"*": {"update": "own"}}}, "/levels/*/update"),
        ({"levels": {"*": {"read": "team"}}}, "/levels/*/read"),
    ],
)
async def test_a_user_gives_no_more_than_they_have(client, given, pointer):
    held = {
        "levels": {"*": {"read": "team"}, "companies": {"read": "own"}},
        "permissions": ["manage_roles", "export"],
    }
    role = await custom_role(client, **held)
    other = await custom_role(client, **given)
    holder = await member(client, role)
    one, colleague = holder.api, await new_user(client)
    found = problem(
        await one.post("/v1/roles", json={"name": "A", **given}), 403, "exceeds_grantor"
    )
    assert pointers(found)[0].startswith(pointer.rstrip("0").rstrip("/"))
    empty = await one.made("roles", {"name": "Empty"})
    problem(await one.patch(f"/v1/roles/{empty['id']}", json=given), 403, "exceeds_grantor")
    for user_id in (colleague, holder.id):
        body = {"role_id": other, "user_id": user_id}
        problem(await one.post("/v1/role-assignments", json=body), 403, "exceeds_grantor")
        bulk = await one.post("/v1/role-assignments/bulk", json={"op": "create", "items": [body]})
        assert bulk.json()["results"][0]["problem"]["code"] == "exceeds_grantor"
    await client.delete(f"/v1/roles/{other}")
    problem(await one.post(f"/v1/roles/{other}/restore"), 403, "exceeds_grantor")
    fine = {"levels": {"companies": {"read": "own"}}, "permissions": ["export"]}
    made = await one.made("roles", {"name": "Fine", **fine})
    await one.made("role-assignments", {"role_id": made["id"], "user_id": colleague})


async def test_a_key_gives_no_more_than_its_scopes(client, keyed):
    weak = await keyed("roles:write", "users:write", "contacts:read")
    admin = await role_of(client, "admin")
    body = {"email": "c@example.com", "name": "C", "role_ids": [admin]}
    found = problem(await weak.post("/v1/users", json=body), 403, "exceeds_grantor")
    assert (await client.read("users"))["data"] == [], found
    reader = await custom_role(client, levels={"contacts": {"read": "all"}})
    await weak.made("users", {**body, "role_ids": [reader]})
    writer = await custom_role(client, levels={"contacts": {"update": "own"}})
    other = {**body, "email": "d@example.com", "role_ids": [writer]}
    problem(await weak.post("/v1/users", json=other), 403, "exceeds_grantor")


async def test_masks_are_given_on(client):
    held = {"permissions": ["manage_roles"], "levels": {"*": {"read": "all"}}}
    role = await custom_role(client, **held, masks={"contact": {"hidden": ["birth_date"]}})
    one = (await member(client, role)).api
    open_one = {"name": "A", "levels": {"contacts": {"read": "all"}}}
    problem(await one.post("/v1/roles", json=open_one), 403, "exceeds_grantor")
    await one.made("roles", {**open_one, "masks": {"contact": {"hidden": ["birth_date"]}}})


async def test_a_restricted_user_makes_keys_for_themselves_alone(client, app):
    role = await custom_role(
        client, permissions=["manage_keys"], levels={"*": {"read": "own", "create": "own"}}
    )
    one = await member(client, role)
    colleague = await new_user(client, await role_of(client, "admin"))
    body = {"name": "A", "scopes": ["*"]}
    found = problem(
        await one.api.post("/v1/api-keys", json={**body, "user_id": colleague}),
        403,
        "exceeds_maker",
    )
    assert pointers(found) == ["/user_id"]
    made = await one.api.made("api-keys", body)
    assert made["user_id"] == one.id
    async with Api(app, made["token"]) as again:
        problem(await again.post("/v1/users", json={}), 422)
        problem(await again.patch("/v1/organization", json={"name": "A"}), 403, "missing_right")


async def test_keys_of_others_are_not_renewed_by_those_who_may_do_less(client):
    role = await custom_role(client, permissions=["manage_keys"], levels={"*": {"read": "own"}})
    one = await member(client, role)
    boss = await new_user(client, await role_of(client, "admin"))
    body = {"name": "A", "scopes": ["*"]}
    for given in (body, {**body, "user_id": boss}):
        made = await client.made("api-keys", given)
        path = f"/v1/api-keys/{made['id']}"
        found = problem(await one.api.post(f"{path}/rotate", json={}), 403, "exceeds_maker")
        assert pointers(found) == ["/user_id"]
        await one.api.delete(path)
        problem(await one.api.post(f"{path}/restore"), 403, "exceeds_maker")
    mine = await one.api.made("api-keys", body)
    renewed = await one.api.post(f"/v1/api-keys/{mine['id']}/rotate", json={})
    assert (renewed.status_code, renewed.json()["user_id"]) == (201, one.id)


async def test_an_app_that_works_for_itself_is_made_by_those_who_may_do_everything(client):
    role = await custom_role(client, permissions=["manage_apps"], levels={"*": {"read": "own"}})
    one = await member(client, role)
    body = {"name": "A", "scopes": ["contacts:read"]}
    found = problem(await one.api.post("/v1/apps", json=body), 403, "exceeds_maker")
    assert pointers(found) == ["/is_confidential"]
    public = await one.api.made("apps", {**body, "is_confidential": False})
    wider = {"scopes": ["contacts:read", "contacts:write"]}
    assert (await one.api.patch(f"/v1/apps/{public['id']}", json=wider)).status_code == 200
    made = await client.made("apps", body)
    path = f"/v1/apps/{made['id']}"
    problem(await one.api.patch(path, json={"scopes": ["*"]}), 403, "exceeds_maker")
    problem(await one.api.post(f"{path}/rotate-secret"), 403, "exceeds_maker")
    stranger = await member(client, "sales_rep")
    problem(await stranger.api.post("/v1/apps", json=body), 403, "missing_right")


async def test_only_a_key_that_may_do_everything_acts_for_users(client, keyed):
    weak = await keyed("api_keys:write", "contacts:read")
    user_id = await new_user(client, await role_of(client, "admin"))
    body = {"name": "A", "scopes": ["contacts:read"], "user_id": user_id}
    problem(await weak.post("/v1/api-keys", json=body), 403, "exceeds_maker")
    made = await client.made("api-keys", body)
    answer = await client.patch(f"/v1/api-keys/{made['id']}", json={"user_id": None})
    assert pointers(problem(answer, 422)) == ["/user_id"]


async def test_roles_of_another_organization_are_not_there(client, other):
    foreign = await role_of(other, "admin")
    user_id = await new_user(client)
    body = {"role_id": foreign, "user_id": user_id}
    found = problem(await client.post("/v1/role-assignments", json=body), 422)
    assert pointers(found) == ["/role_id"]
    given = {"email": "e@example.com", "name": "E", "role_ids": [foreign]}
    found = problem(await client.post("/v1/users", json=given), 422)
    assert pointers(found) == ["/role_ids/0"]


# The last administrator


async def _admins(client, count):
    admin = await role_of(client, "admin")
    users = [await new_user(client) for _ in range(count)]
    bodies = [{"role_id": admin, "user_id": user} for user in users]
    return [(b["user_id"], (await client.made("role-assignments", b))["id"]) for b in bodies]


async def test_the_last_administrator_stays(client):
    ((user_id, given),) = await _admins(client, 1)
    for answer in (
        await client.delete(f"/v1/role-assignments/{given}"),
        await client.delete(f"/v1/role-assignments/{given}", params={"purge": "true"}),
        await client.delete(f"/v1/users/{user_id}"),
    ):
        problem(answer, 409, "last_admin")
    document = "mutation($id: UUID!) { deleteUser(id: $id) }"
    (error,) = (await client.gql(document, id=user_id))["errors"]
    assert error["extensions"]["code"] == "last_admin"
    await _admins(client, 1)
    assert (await client.delete(f"/v1/role-assignments/{given}")).status_code == 204


@pytest.mark.parametrize("way", ["role-assignments", "users", "mixed"])
async def test_of_many_administrators_who_go_at_once_one_is_left(client, way):
    admins = await _admins(client, 6)
    paths = [
        f"/v1/role-assignments/{given}"
        if way == "role-assignments" or (way == "mixed" and n % 2)
        else f"/v1/users/{user_id}"
        for n, (user_id, given) in enumerate(admins)
    ]
    answers = await asyncio.gather(*[client.delete(path) for path in paths])
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [204] * 5 + [409], statuses


async def test_jobs_are_done_with_the_rights_of_their_time(client, app, worker):
    one = await member(client, "marketing")
    await client.made("contacts", {"last_name": "A"})
    begun = await one.api.post("/v1/contacts/export", json={"format": "csv"})
    assert begun.status_code == 202, begun.text
    await client.ended(begun.json()["job_id"])
    assert one.id
