"""What is expected of a record, wherever it changes its state, and lists of what is in the bin."""

from support.clients import problem


async def person(client, **body):
    return await client.made("contacts", {"last_name": "Person", **body})


async def binned(client):
    made = await person(client)
    await client.delete(f"/v1/contacts/{made['id']}")
    return made["id"]


def stale(answer, version):
    found = problem(answer, 412, "stale")
    assert found["current"]["version"] == version
    return found


async def test_restoring_heeds_the_version(client):
    path = f"/v1/contacts/{await binned(client)}/restore"
    stale(await client.post(path, headers={"If-Match": '"1"'}), 2)
    answer = await client.post(path, headers={"If-Match": '"2"'})
    assert answer.json()["version"] == 3
    restore = (
        "mutation($id: UUID!, $v: Int) { restoreContact(id: $id, expectedVersion: $v) { version } }"
    )
    id = await binned(client)
    (error,) = (await client.gql(restore, id=id, v=1))["errors"]
    assert error["extensions"]["code"] == "stale"
    assert (await client.data(restore, id=id, v=2))["restoreContact"]["version"] == 3


async def test_merging_and_taking_apart_heed_the_version(client):
    one, two = await person(client), await person(client)
    body = {"winner_id": one["id"], "loser_ids": [two["id"]]}
    await client.changed(f"contacts/{one['id']}", {"title": "Example"})
    stale(await client.post("/v1/contacts/merge", json=body, headers={"If-Match": '"1"'}), 2)
    merged = await client.post("/v1/contacts/merge", json=body, headers={"If-Match": '"2"'})
    assert merged.status_code == 201, merged.text
    undo = f"/v1/merges/{merged.json()['id']}/undo"
    stale(await client.post(undo, headers={"If-Match": '"7"'}), 1)
    answer = await client.post(undo, headers={"If-Match": merged.headers["etag"]})
    assert answer.status_code == 200, answer.text


async def test_merging_and_taking_apart_heed_the_version_over_graphql(client):
    one, two = await person(client), await person(client)
    merge = (
        "mutation($i: MergeInput!, $v: Int) "
        "{ mergeContacts(input: $i, expectedVersion: $v) { merge { id version } } }"
    )
    undo = "mutation($id: UUID!, $v: Int) { undoMerge(id: $id, expectedVersion: $v) { status } }"
    given = {"winnerId": one["id"], "loserIds": [two["id"]]}
    (error,) = (await client.gql(merge, i=given, v=2))["errors"]
    assert error["extensions"]["code"] == "stale"
    made = (await client.data(merge, i=given, v=1))["mergeContacts"]["merge"]
    (error,) = (await client.gql(undo, id=made["id"], v=9))["errors"]
    assert error["extensions"]["code"] == "stale"
    done = await client.data(undo, id=made["id"], v=made["version"])
    assert done["undoMerge"]["status"] == "undone"


async def test_an_upsert_may_be_for_new_records_alone(client):
    by_email = (
        "mutation($i: ContactUpsertInput!, $v: Int) "
        '{ upsertContact(match: "email", input: $i, onlyNew: true, expectedVersion: $v) { result } }'
    )
    by_id = (
        "mutation($i: ContactUpsertInput!) { upsertContactByExternalId("
        'source: "crm", externalId: "1", input: $i, onlyNew: true) { result } }'
    )
    given = {"lastName": "Person", "email": "person@example.com"}
    done = await client.data(by_email, i=given)
    assert done["upsertContact"]["result"] == "created"
    rest = await client.post(
        "/v1/contacts/upsert",
        params={"match": "email"},
        json={"last_name": "Person", "email": "person@example.com"},
        headers={"If-None-Match": "*"},
    )
    (error,) = (await client.gql(by_email, i=given))["errors"]
    assert error["extensions"]["code"] == problem(rest, rest.status_code)["code"] == "stale"
    (error,) = (await client.gql(by_email, i=given, v=1))["errors"]
    assert error["extensions"]["problem"]["errors"][0]["code"] == "contradiction"
    done = await client.data(by_id, i={"lastName": "Other"})
    assert done["upsertContactByExternalId"]["result"] == "created"
    (error,) = (await client.gql(by_id, i={"lastName": "Other"}))["errors"]
    assert error["extensions"]["code"] == "stale"


async def test_the_bin_is_listed_over_graphql(client):
    kept, gone = (await person(client))["id"], await binned(client)
    lists = (
        "query($d: String) { contacts(deleted: $d) "
        "{ totalCount estimatedCount nodes { id deletedAt } } }"
    )
    for deleted, wanted in ((None, {kept}), ("only", {gone}), ("include", {kept, gone})):
        page = (await client.data(lists, d=deleted))["contacts"]
        assert {node["id"] for node in page["nodes"]} == wanted
        assert page["totalCount"] == page["estimatedCount"] == len(wanted)
    (error,) = (await client.gql(lists, d="all"))["errors"]
    assert error["extensions"]["problem"]["errors"][0]["code"] == "not_a_choice"
    # Beside a field that no plan covers, it is resolved field by field.
    mixed = "{ contacts { estimatedCount } me: contacts { edges { node { id } } nodes { id } } }"
    found = (await client.data(mixed))["contacts"]["estimatedCount"]
    assert isinstance(found, int)
    assert found == (await client.read("contacts", count="estimate"))["total"]
