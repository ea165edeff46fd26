"""What happens when a record is written that is there already."""

import asyncio

import pytest

from crm_api.platform.duplicates.service import DuplicateService
from crm_api.platform.merging.service import MergeService
from crm_api.platform.transfer.service import ImportService
from support.clients import problem
from support.factories import KINDS, Kind

MATCHED = [kind for kind in KINDS if kind.entity in DuplicateService.matchers]
MERGED = [kind for kind in MATCHED if kind.entity in MergeService.mergers]
IMPORTED = [kind for kind in MATCHED if kind.entity in ImportService.importers]
SAME = {
    "leads": {"first_name": "Ann", "last_name": "Person", "email": "ann@example.com"},
    "contacts": {"first_name": "Ann", "last_name": "Person", "email": "ann@example.com"},
    "companies": {"name": "Example Works Ltd", "tax_id": "EX 123", "domains": ["example.com"]},
}
OTHER = {
    "leads": {"first_name": "Somebody", "last_name": "Else", "email": "else@example.org"},
    "contacts": {"first_name": "Somebody", "last_name": "Else", "email": "else@example.org"},
    "companies": {"name": "Something Else", "tax_id": "OT 9", "domains": ["example.org"]},
}


@pytest.fixture(params=MATCHED, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


async def policy(client, kind, **body):
    answer = await client.put(f"/v1/{kind.path}/duplicates/policy", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def pairs(client, kind, **params):
    return (await client.read(f"{kind.path}/duplicates", **params))["data"]


async def in_turn(client, path, body):
    """The answer to a creation; who waits too long for a turn is told to try again."""
    while True:
        answer = await client.post(f"/v1/{path}", json=body)
        if answer.status_code != 503:
            return answer
        assert problem(answer, 503, "locked")


def test_every_matched_kind_says_so():
    assert MATCHED
    assert {k.entity for k in KINDS if k.service.matched} == {k.entity for k in MATCHED}
    for kind in MATCHED:
        matcher = DuplicateService.matchers[kind.entity]
        columns = set(kind.listing.model.__mapper__.column_attrs.keys())
        assert set(matcher.reads) <= columns
        assert set(matcher.unique) <= {field.name for field in matcher.fields}


async def test_the_policy_begins_with_allow(client, kind):
    shown = await client.read(f"{kind.path}/duplicates/policy")
    assert (shown["target"], shown["action"], shown["version"]) == (kind.entity, "allow", 0)
    assert set(shown["unique"]) <= set(shown["fields"])
    for _ in range(2):
        answer = await client.post(f"/v1/{kind.path}", json=SAME[kind.path])
        assert answer.status_code == 201
        assert "link" not in answer.headers
    assert await pairs(client, kind) == []
    changed = await policy(client, kind, action="warn", possible=40)
    assert changed == {**shown, "action": "warn", "possible": 40, "version": 1}
    assert await client.read(f"{kind.path}/duplicates/policy") == changed
    assert (await policy(client, kind))["version"] == 2


async def test_a_warning_is_a_link_and_a_pair(client, kind):
    await policy(client, kind, action="warn")
    first = await client.made(kind.path, SAME[kind.path])
    answer = await client.post(f"/v1/{kind.path}", json=SAME[kind.path])
    assert answer.status_code == 201
    id = answer.json()["id"]
    path = f"/v1/{kind.path}/{id}/duplicates"
    assert answer.headers["link"] == f'<{path}>; rel="duplicates"'
    (near,) = (await client.get(path)).json()["data"]
    (pair,) = await pairs(client, kind)
    assert (near["id"], near["duplicate_id"]) == (first["id"], pair["id"])
    assert {pair["first_id"], pair["second_id"]} == {first["id"], id}
    other = await client.post(f"/v1/{kind.path}", json=OTHER[kind.path])
    assert "link" not in other.headers
    turned = await client.patch(f"/v1/{kind.path}/{other.json()['id']}", json=SAME[kind.path])
    assert turned.headers["link"].endswith('rel="duplicates"')
    assert len(await pairs(client, kind)) == 3
    plain = await client.patch(f"/v1/{kind.path}/{id}", json={"tags": ["x"]})
    assert "link" not in plain.headers


async def test_what_is_not_stored_points_at_nothing(client, kind):
    await policy(client, kind, action="warn")
    taken = {"external_ids": {"elsewhere": "7"}}
    await client.made(kind.path, {**SAME[kind.path], **taken})
    create, shape = f"create{kind.type}", f"{kind.type}CreateInput!"
    given = {_camel(name): value for name, value in SAME[kind.path].items()}
    other = {_camel(name): value for name, value in OTHER[kind.path].items()}
    both = (
        f"mutation($input: {shape}, $other: {shape}) "
        f"{{ bad: {create}(input: $input) {{ id }} good: {create}(input: $other) {{ id }} }}"
    )
    taking = {**given, "externalIds": taken["external_ids"]}
    half = await client.gql(both, input=taking, other=other)
    assert len(half["errors"]) == 1
    assert "links" not in half["extensions"]
    dry = f"mutation($input: {shape}) {{ {create}(input: $input, dryRun: true) {{ id }} }}"
    rehearsed = await client.gql(dry, input=given)
    assert [link["rel"] for link in rehearsed["extensions"]["links"]] == ["duplicates"]
    assert await pairs(client, kind) == []
    short = {"Prefer": "return=minimal"}
    answer = await client.post(f"/v1/{kind.path}", json=SAME[kind.path], headers=short)
    assert answer.content == b""
    assert 'rel="duplicates"' in answer.headers["link"]


async def test_block_refuses_what_is_certain(client, kind):
    await policy(client, kind, action="block")
    first = await client.made(kind.path, SAME[kind.path])
    refused = await client.post(f"/v1/{kind.path}", json=SAME[kind.path])
    found = problem(refused, 409, "duplicate")
    (candidate,) = found["candidates"]
    assert (candidate["id"], candidate["band"]) == (first["id"], "certain")
    assert candidate["reasons"]
    dry = await client.post(f"/v1/{kind.path}?dry_run=true", json=SAME[kind.path])
    problem(dry, 409, "duplicate")
    other = await client.made(kind.path, OTHER[kind.path])
    turned = await client.patch(f"/v1/{kind.path}/{other['id']}", json=SAME[kind.path])
    problem(turned, 409, "duplicate")
    assert (await client.read(f"{kind.path}/{other['id']}"))["version"] == 1
    upsert = f"/v1/{kind.path}/by-external/elsewhere/7"
    problem(await client.put(upsert, json=SAME[kind.path]), 409, "duplicate")
    # What is not compared may change.
    await client.changed(f"{kind.path}/{first['id']}", {"tags": ["x"]})
    let_in = await client.post(f"/v1/{kind.path}?allow_duplicates=true", json=SAME[kind.path])
    assert let_in.status_code == 201
    assert 'rel="duplicates"' in let_in.headers["link"]
    await client.delete(f"/v1/{kind.path}/{let_in.json()['id']}")
    back = f"/v1/{kind.path}/{let_in.json()['id']}/restore"
    problem(await client.post(back), 409, "duplicate")
    assert (await client.post(f"{back}?allow_duplicates=true")).status_code == 200


async def test_a_pair_that_is_two_is_not_blocked(client, kind):
    first = await client.made(kind.path, SAME[kind.path])
    second = await client.made(kind.path, SAME[kind.path])
    body = {"record_ids": [first["id"], second["id"]]}
    await client.post(f"/v1/{kind.path}/duplicates/dismiss", json=body)
    await policy(client, kind, action="block")
    country = await client.patch(
        f"/v1/{kind.path}/{first['id']}", json={"addresses": [{"city": "Berlin"}]}
    )
    assert country.status_code == 200, country.text
    # A third one meets both.
    third = problem(await client.post(f"/v1/{kind.path}", json=SAME[kind.path]), 409)
    assert {c["id"] for c in third["candidates"]} == {first["id"], second["id"]}


async def test_what_was_a_duplicate_already_may_be_changed(client, kind):
    await client.made(kind.path, SAME[kind.path])
    second = await client.made(kind.path, SAME[kind.path])
    await policy(client, kind, action="block")
    await client.changed(f"{kind.path}/{second['id']}", {"addresses": [{"city": "Berlin"}]})
    third = await client.made(kind.path, OTHER[kind.path])
    turned = await client.patch(f"/v1/{kind.path}/{third['id']}", json=SAME[kind.path])
    problem(turned, 409, "duplicate")


async def test_one_of_many_equal_creations_is_stored(client, kind):
    await policy(client, kind, action="block")
    answers = await asyncio.gather(*(in_turn(client, kind.path, SAME[kind.path]) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len((await client.read(kind.path))["data"]) == 1


LIVES = {"street": "Example Street 7", "postal_code": "10115", "city": "Berlin", "country": "DE"}
SPELT = [
    {"first_name": f, "last_name": last, "birth_date": "1980-02-28", "addresses": [LIVES]}
    for f, last in (
        ("Katharina", "Personova"),
        ("Katarina", "Personova"),
        ("Katharina", "Personowa"),
    )
]
"""One person without any look-up key in common, nor one writing of her name."""


async def test_one_of_many_spellings_at_once_is_stored(client):
    answer = await client.put("/v1/contacts/duplicates/policy", json={"action": "block"})
    assert answer.status_code == 200
    answers = await asyncio.gather(*(in_turn(client, "contacts", b) for b in SPELT * 3))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 8


async def test_a_file_does_not_hold_one_person_twice(client, worker):
    answer = await client.put("/v1/contacts/duplicates/policy", json={"action": "block"})
    assert answer.status_code == 200
    rows = [
        f"{one['first_name']},{one['last_name']},1980-02-28,Example Street 7,10115,Berlin,DE"
        for one in SPELT
    ]
    head = "first name,last name,birth date,street,postal code,city,country"
    upload = await client.post(
        "/v1/imports",
        files={"file": ("rows.csv", "\n".join([head, *rows]).encode())},
        data={"entity": "contact"},
    )
    started = await client.post(f"/v1/imports/{upload.json()['id']}/start")
    result = (await client.ended(started.json()["job_id"]))["result"]
    assert (result["counts"]["create"], result["counts"]["error"]) == (1, 2), result


async def test_an_import_does_not_make_a_record_another_one(client, worker):
    """A row that is matched by its key says the rest of somebody else."""
    await client.made("contacts", {**SPELT[0], "email": "katharina@example.com"})
    other = await client.made("contacts", {"last_name": "Else", "email": "else@example.org"})
    answer = await client.put("/v1/contacts/duplicates/policy", json={"action": "block"})
    assert answer.status_code == 200
    rows = (
        "first name,last name,birth date,email,street,postal code,city,country\n"
        "Katharina,Personova,1980-02-28,else@example.org,Example Street 7,10115,Berlin,DE\n"
        "Somebody,New,1970-01-01,new@example.org,,,,\n"
    )
    upload = await client.post(
        "/v1/imports",
        files={"file": ("rows.csv", rows.encode())},
        data={"entity": "contact"},
    )
    assert upload.status_code == 201, upload.text
    await client.changed(f"imports/{upload.json()['id']}", {"options": {"on_duplicate": "update"}})
    started = await client.post(f"/v1/imports/{upload.json()['id']}/start")
    result = (await client.ended(started.json()["job_id"]))["result"]
    counts = {name: result["counts"][name] for name in ("create", "update", "error")}
    assert counts == {"create": 1, "update": 0, "error": 1}, result
    assert (await client.read(f"contacts/{other['id']}"))["version"] == 1


async def test_writes_of_many_meet_the_policy(client, kind):
    await policy(client, kind, action="block")
    items = [SAME[kind.path], OTHER[kind.path], SAME[kind.path]]
    path = f"/v1/{kind.path}/bulk"
    refused = problem(await client.post(path, json={"op": "create", "items": items}), 422)
    assert [(e["pointer"], e["code"]) for e in refused["errors"]] == [("/items/2", "duplicate")]
    assert (await client.read(kind.path))["data"] == []
    skipped = await client.post(f"{path}?on_error=skip", json={"op": "create", "items": items})
    results = skipped.json()["results"]
    assert [result["status"] for result in results] == [201, 201, 409]
    first, other, twice = results
    assert twice["problem"]["candidates"][0]["id"] == first["id"]
    turned = {"op": "update", "items": [{"id": other["id"], "patch": SAME[kind.path]}]}
    problem(await client.post(path, json=turned), 422, "bulk_failed")
    let_in = await client.post(f"{path}?allow_duplicates=true", json=turned)
    assert let_in.json()["results"][0]["result"] == "updated", let_in.text
    batch = {"operations": [{"op": "create", "entity": kind.entity, "data": SAME[kind.path]}]}
    problem(await client.post("/v1/batch", json=batch), 422, "batch_failed")
    let_in = await client.post("/v1/batch?allow_duplicates=true", json=batch)
    assert let_in.json()["succeeded"] == 1, let_in.text


async def test_changes_by_filter_meet_the_policy(client, worker):
    await client.made("contacts", SAME["contacts"])
    other = await client.made("contacts", {**OTHER["contacts"], "email": None})
    answer = await client.put("/v1/contacts/duplicates/policy", json={"action": "block"})
    assert answer.status_code == 200
    asked = {
        "filter": {"last_name": {"eq": "Else"}},
        "action": "update",
        "patch": {"email": SAME["contacts"]["email"]},
        "expected_count": 1,
    }
    started = await client.post("/v1/contacts/bulk/by-filter", json=asked)
    assert started.status_code == 202, started.text
    result = (await client.ended(started.json()["job_id"]))["result"]
    assert result["counts"] == {"failed": 1}, result
    assert (await client.read(f"contacts/{other['id']}"))["version"] == 1


async def blocked_over_graphql(client, kind):
    """The ids of the first of two equal records and of the second, which was let in."""
    single = kind.type
    create = (
        f"mutation($input: {single}CreateInput!, $all: Boolean!) "
        f"{{ create{single}(input: $input, allowDuplicates: $all) {{ id }} }}"
    )
    given = {_camel(name): value for name, value in SAME[kind.path].items()}
    put = (
        "mutation($target: String!, $input: PolicyInput!) "
        "{ putDuplicatePolicy(target: $target, input: $input) { action unique version } }"
    )
    told = await client.data(put, target=kind.entity, input={"action": "block"})
    assert told["putDuplicatePolicy"]["action"] == "block"
    first = (await client.data(create, input=given, all=False))[f"create{single}"]
    refused = await client.gql(create, input=given, all=False)
    (error,) = refused["errors"]
    assert error["extensions"]["code"] == "duplicate"
    assert error["extensions"]["problem"]["candidates"][0]["id"] == first["id"]
    let_in = await client.gql(create, input=given, all=True)
    id = let_in["data"][f"create{single}"]["id"]
    assert let_in["extensions"]["links"] == [
        {"rel": "duplicates", "href": f"/v1/{kind.path}/{id}/duplicates"}
    ]
    read = (
        f"query($target: String!, $id: UUID!, $input: {single}CreateInput!) {{"
        " recordDuplicates(target: $target, id: $id) { id duplicateId band reasons { field } }"
        f" check{single}(input: $input) {{ id band }}"
        ' duplicates(where: {status: {eq: "open"}}) { nodes { id firstId secondId status } }'
        " duplicatePolicy(target: $target) { action scanEveryHours } }"
    )
    near = await client.data(
        read,
        target=kind.entity,
        id=id,
        input=given,
    )
    (candidate,) = near["recordDuplicates"]
    (pair,) = near["duplicates"]["nodes"]
    assert (candidate["id"], candidate["duplicateId"]) == (first["id"], pair["id"])
    assert {c["id"] for c in near[f"check{single}"]} == {first["id"], id}
    assert near["duplicatePolicy"] == {"action": "block", "scanEveryHours": None}
    wrong = await client.gql('{ duplicatePolicy(target: "planet") { action } }')
    assert wrong["errors"][0]["extensions"]["code"] == "validation"
    return pair["id"], first["id"], id


async def test_graphql_warns_and_blocks_alike(client, kind):
    await blocked_over_graphql(client, kind)


@pytest.mark.parametrize("kind", MERGED, ids=str)
async def test_graphql_decides_alike(client, kind):
    pair, first, id = await blocked_over_graphql(client, kind)
    decide = (
        "mutation($id: UUID!, $target: String!, $a: UUID!, $b: UUID!) {"
        " dismissDuplicate(id: $id) { status } reopenDuplicate(id: $id) { status }"
        " dismissPair(target: $target, firstId: $a, secondId: $b) { status }"
        " scanDuplicates(target: $target, full: true) { jobId }"
        " mergeDuplicate(id: $id, input: {winnerId: $a})"
        " { mergeId duplicate { status mergeId } } }"
    )
    done = await client.data(decide, id=pair, target=kind.entity, a=id, b=first)
    assert done["dismissDuplicate"] == {"status": "not_duplicate"}
    assert done["reopenDuplicate"] == {"status": "open"}
    assert done["dismissPair"] == {"status": "not_duplicate"}
    merged = done["mergeDuplicate"]
    assert merged["duplicate"] == {"status": "merged", "mergeId": merged["mergeId"]}
    assert (await client.read(f"jobs/{done['scanDuplicates']['jobId']}"))["status"] == "queued"


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


# Not by the keys that an import matches by: other e-mail address, same everything else.
OF_FILES = {
    "contacts": (
        {
            "first_name": "Ann",
            "last_name": "Person",
            "birth_date": "1980-02-28",
            "phone": "+4930901820",
            "email": "ann@example.com",
        },
        (
            "first name,last name,birth date,phone,email\n"
            "Ann,Person,1980-02-28,+4930901820,ann@example.org\n"
            "Somebody,Else,1970-01-01,+4930901821,else@example.org\n"
        ),
    ),
    "companies": (
        SAME["companies"],
        "name,tax id\nExample Works,EX-123\nSomething Else,OT-9\n",
    ),
    "leads": (
        {
            "first_name": "Ann",
            "last_name": "Person",
            "company_name": "Example Works",
            "email": "ann.person@example.com",
            "addresses": [{"street": "Sample Street 1", "city": "Berlin", "postal_code": "10115"}],
        },
        (
            "first name,last name,company,email,street,city,postal code\n"
            "Ann,Person,Example Works,ann.person@example.org,Sample Street 1,Berlin,10115\n"
            "Somebody,Else,Something Else,else@example.org,Other Road 9,Hamburg,20095\n"
        ),
    ),
}


@pytest.mark.parametrize("kind", IMPORTED, ids=str)
async def test_imports_meet_the_policy(client, worker, kind):
    await policy(client, kind, action="block")
    made, rows = OF_FILES[kind.path]
    await client.made(kind.path, made)
    upload = await client.post(
        "/v1/imports",
        files={"file": ("rows.csv", rows.encode())},
        data={"entity": kind.entity},
    )
    assert upload.status_code == 201, upload.text
    started = await client.post(f"/v1/imports/{upload.json()['id']}/start")
    result = (await client.ended(started.json()["job_id"]))["result"]
    assert result["counts"]["create"] == 1, result
    assert result["counts"]["error"] == 1, result
    errors = await client.get(f"/v1/imports/{upload.json()['id']}/errors")
    assert "there already" in errors.text
