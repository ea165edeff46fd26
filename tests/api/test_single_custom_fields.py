"""`fields=custom.tier`: one custom field among the fields that are shown."""

from support.clients import pointers, problem


async def defined(client, **types):
    for name, type in types.items():
        await client.made("custom-fields", {"target": "contact", "name": name, "type": type})


async def test_a_single_custom_field_is_shown(client):
    await defined(client, tier="text", score="integer")
    custom = {"tier": "gold", "score": 3}
    one = await client.made("contacts", {"last_name": "Person", "custom": custom})
    two = await client.made("contacts", {"last_name": "Other"})
    page = await client.read("contacts", fields="id,custom.tier", sort="created_at")
    assert page["data"] == [
        {"id": one["id"], "custom": {"tier": "gold"}},
        {"id": two["id"], "custom": {}},
    ]
    shown = await client.read(f"contacts/{one['id']}", fields="custom.score")
    assert shown == {"custom": {"score": 3}}
    tags = {
        (await client.get(f"/v1/contacts/{one['id']}", params={"fields": fields})).headers["etag"]
        for fields in ("custom.tier", "custom.score", "custom")
    }
    assert len(tags) == 3
    both = await client.read(f"contacts/{one['id']}", fields="custom.score,custom.tier")
    whole = await client.read(f"contacts/{one['id']}", fields="custom.score,custom")
    assert both == whole == {"custom": custom}
    answer = await client.post("/v1/contacts/query", json={"fields": ["custom.tier"]})
    assert {"custom": {"tier": "gold"}} in answer.json()["data"]
    feed = await client.get("/v1/contacts/changes", params={"fields": "id,custom.tier"})
    assert {"id": one["id"], "custom": {"tier": "gold"}} in feed.json()["data"]


async def test_of_related_records_too(client):
    definition = {"target": "company", "name": "tier", "type": "text"}
    await client.made("custom-fields", definition)
    body = {"name": "Acme", "custom": {"tier": "gold"}}
    company = await client.made("companies", body)
    made = await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})
    page = await client.read("contacts", fields="id,company.custom.tier")
    assert page["data"] == [{"id": made["id"], "company": {"custom": {"tier": "gold"}}}]


async def test_fields_that_are_not_there_or_hidden_are_told(client, keyed):
    definition = {"name": "salary", "type": "integer", "visible_to": ["salaries:read"]}
    await client.made("custom-fields", {"target": "contact", **definition})
    await client.made("contacts", {"last_name": "Person", "custom": {"salary": 5}})
    answer = await client.get("/v1/contacts", params={"fields": "custom.nonsense"})
    assert pointers(problem(answer, 422, "unknown_field")) == ["fields"]
    blind = await keyed("contacts:read")
    problem(await blind.get("/v1/contacts", params={"fields": "custom.salary"}), 403)
    problem(await client.get("/v1/contacts", params={"fields": "custom.tier.x"}), 422)
