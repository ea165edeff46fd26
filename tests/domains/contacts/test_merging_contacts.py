"""What is particular about merging people."""

from support.clients import pointers, problem


async def merged(client, winner, *losers, **more):
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"] for loser in losers], **more}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def undone(client, merge):
    answer = await client.post(f"/v1/merges/{merge['id']}/undo")
    assert answer.status_code == 200, answer.text
    return answer.json()["record"]


async def jobs_of(client, contact):
    params = {"filter[contact_id]": contact["id"], "sort": "created_at"}
    return [
        (row["company_id"], row["is_primary"])
        for row in (await client.read("employments", **params))["data"]
    ]


async def test_one_main_employment_is_left(client):
    first, second = [await client.made("companies", {"name": n}) for n in ("One", "Two")]
    one = await client.made("contacts", {"last_name": "A", "company_id": first["id"]})
    two = await client.made("contacts", {"last_name": "A", "company_id": second["id"]})
    merge = await merged(client, one, two)
    assert merge["record"]["company_id"] == first["id"]
    assert merge["moved"] == {"employments.contact_id": 1}
    assert await jobs_of(client, one) == [(first["id"], True), (second["id"], False)]
    await undone(client, merge)
    assert await jobs_of(client, one) == [(first["id"], True)]
    assert await jobs_of(client, two) == [(second["id"], True)]


async def test_company_title_and_department_come_from_one_record(client):
    company = await client.made("companies", {"name": "One"})
    one = await client.made("contacts", {"last_name": "A", "title": "Buyer"})
    two = await client.made(
        "contacts", {"last_name": "A", "company_id": company["id"], "department": "Sales"}
    )
    merge = await merged(client, one, two)
    shown = merge["record"]
    assert (shown["company_id"], shown["title"], shown["department"]) == (None, "Buyer", None)
    assert await jobs_of(client, one) == [(company["id"], False)]
    await undone(client, merge)
    merge = await merged(client, one, two, fields={"department": two["id"]})
    shown = merge["record"]
    assert (shown["company_id"], shown["title"], shown["department"]) == (
        company["id"],
        None,
        "Sales",
    )
    assert await jobs_of(client, one) == [(company["id"], True)]
    await undone(client, merge)
    assert await jobs_of(client, two) == [(company["id"], True)]
    body = {
        "winner_id": one["id"],
        "loser_ids": [two["id"]],
        "fields": {"title": one["id"], "company_id": two["id"]},
    }
    found = problem(await client.post("/v1/contacts/merge", json=body), 422)
    assert found["errors"][0]["code"] == "torn_apart"
    assert pointers(found) == ["/fields/company_id"]


async def test_points_are_united_and_an_opt_out_counts(client):
    one = await client.made(
        "contacts",
        {"last_name": "A", "emails": [{"value": "a@example.com"}, {"value": "b@example.com"}]},
    )
    two = await client.made(
        "contacts",
        {
            "emails": [
                {"value": "B@Example.com", "status": "opted_out"},
                {"value": "c@example.com", "primary": True},
            ],
            "phones": [{"value": "030 901820"}],
        },
    )
    merge = await merged(client, one, two)
    shown = merge["record"]
    assert [(e["value"], e["primary"], e["status"]) for e in shown["emails"]] == [
        ("a@example.com", True, "ok"),
        ("b@example.com", False, "opted_out"),
        ("c@example.com", False, "ok"),
    ]
    assert (shown["email"], shown["phone"]) == ("a@example.com", "+4930901820")
    found = await client.read("contacts", **{"filter[emails]": "c@example.com"})
    assert [row["id"] for row in found["data"]] == [one["id"]]
    found = await client.read("contacts", q="c@example.com")
    assert [row["id"] for row in found["data"]] == [one["id"]]
    # What was added since stays, and there is still one primary.
    await client.changed(
        f"contacts/{one['id']}",
        {"emails": [*shown["emails"][1:], {"value": "d@example.com", "primary": True}]},
    )
    back = await undone(client, merge)
    assert [(e["value"], e["primary"]) for e in back["emails"]] == [
        ("b@example.com", False),
        ("d@example.com", True),
    ]
    assert (back["email"], back["phone"]) == ("d@example.com", None)


async def test_a_new_main_employment_blocks_the_undoing(client):
    first, second, third = [
        await client.made("companies", {"name": n}) for n in ("One", "Two", "Three")
    ]
    one = await client.made("contacts", {"last_name": "A", "company_id": first["id"]})
    two = await client.made("contacts", {"last_name": "A", "company_id": second["id"]})
    merge = await merged(client, one, two, fields={"company_id": two["id"]})
    assert await jobs_of(client, one) == [(first["id"], False), (second["id"], True)]
    await client.changed(f"contacts/{one['id']}", {"company_id": third["id"]})
    before = await jobs_of(client, one)
    answer = await client.post(f"/v1/merges/{merge['id']}/undo")
    assert problem(answer, 409)["code"] == "changed_since"
    assert await jobs_of(client, one) == before
    assert (await client.get(f"/v1/contacts/{two['id']}")).status_code == 308
