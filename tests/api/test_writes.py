"""What every request that changes something takes, and that a rehearsal changes nothing."""

import pytest

from crm_api.api.graphql import build_schema
from crm_api.registry import shown
from support.clients import problem

CSV = b"first_name,last_name,email\nSample,Person,sample@example.com\n"
TAKEN = {("query", "dry_run"), ("header", "Idempotency-Key"), ("header", "Prefer")}
READS = {
    "availability",
    "calendar",
    "free-busy",
    "query",
    "calculate",
    "check",
    "compare",
    "convert",
    "discover",
    "drilldown",
    "evaluate",
    "preview",
    "render",
    "resolve",
    "simulate",
    "slots",
    "working-time",
    "add-working-time",
}
"""Last words of paths that take a POST because of the body, but change nothing."""
LIBRARY = "/v1/standard-reports/"
"""All that is done with standard reports reads, but for having them run by jobs."""


def hands_out_tokens(path):
    """Whether it is about getting in, where nothing may be rehearsed or given twice."""
    ways_in = path.startswith(("/v1/auth/", "/oauth/"))
    linking = path in {"/v1/me/outside-logins", "/v1/me/outside-logins/finish"}
    return (ways_in and path != "/v1/auth/logout") or linking


def is_link(path):
    """Whether the path or a signature is the credential: of somebody outside, who says one thing.

    What is signed goes by an id of its own, so repeats are told by that.
    """
    return path.startswith("/public/") or path == "/v1/inbox/messages"


def writes(app):
    for path, item in app.openapi()["paths"].items():
        for method in {"post", "put", "patch", "delete"} & item.keys():
            last = path.rpartition("/")[2]
            reads = last in READS or (path.startswith(LIBRARY) and last != "runs")
            if not (reads or hands_out_tokens(path) or is_link(path)):
                yield f"{method} {path}", item[method]


def test_every_write_can_be_rehearsed_repeated_and_answered_shortly(app):
    found = dict(writes(app))
    assert len(found) > 30
    for name, operation in found.items():
        given = {(p["in"], p["name"]) for p in operation.get("parameters", ())}
        assert given >= TAKEN, name


def test_every_mutation_can_be_rehearsed():
    mutations = build_schema(shown())._schema.mutation_type.fields
    assert len(mutations) > 30
    for name, field in mutations.items():
        assert "dryRun" in field.args, name


async def upload(client, **params):
    files = {"file": ("people.csv", CSV)}
    return await client.post("/v1/imports", files=files, data={"entity": "contact"}, params=params)


async def people(client):
    rows = [await client.made("contacts", {"last_name": name}) for name in ("A", "B")]
    return {"winner_id": rows[0]["id"], "loser_ids": [rows[1]["id"]]}


async def _start(client, verb):
    return f"imports/{(await upload(client)).json()['id']}/{verb}", None


async def _undo(client):
    merge = await client.made("contacts/merge", await people(client))
    return f"merges/{merge['id']}/undo", None


async def _cancel(client):
    id = (await upload(client)).json()["id"]
    job = (await client.post(f"/v1/imports/{id}/validate")).json()["job_id"]
    return f"jobs/{job}/cancel", None


async def _merge(client):
    return "contacts/merge", await people(client)


ACTIONS = {
    "validate": lambda client: _start(client, "validate"),
    "start": lambda client: _start(client, "start"),
    "merge": _merge,
    "undo": _undo,
    "cancel": _cancel,
}


async def state_of(owner, org):
    """Everything that an organization has."""
    tables = await owner.fetch(
        "SELECT table_name AS name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'organization_id'"
    )
    state = {}
    for name in (row["name"] for row in tables):
        rows = await owner.fetch(
            f'SELECT t::text AS row FROM "{name}" t WHERE organization_id = $1', org.id
        )
        state[name] = sorted(row["row"] for row in rows)
    return state


@pytest.mark.parametrize("action", ACTIONS)
async def test_rehearsed_action_changes_nothing(client, owner, org, action):
    path, body = await ACTIONS[action](client)
    before = await state_of(owner, org)
    answer = await client.post(f"/v1/{path}", json=body, params={"dry_run": "true"})
    assert answer.is_success, answer.text
    assert await state_of(owner, org) == before
    assert (await client.post(f"/v1/{path}", json=body)).status_code == answer.status_code


async def test_rehearsed_upload_leaves_no_file(client, owner, org, settings):
    before = await state_of(owner, org)
    answer = await upload(client, dry_run="true")
    assert answer.status_code == 201, answer.text
    assert await state_of(owner, org) == before
    assert list((settings.files_dir / "imports" / str(org.id)).glob("*")) == []


@pytest.mark.parametrize(
    "document",
    [
        "mutation($id: UUID!) { a: deleteImport(id: $id, dryRun: true) }",
        "mutation($id: UUID!) { a: validateImport(id: $id, dryRun: true) { jobId } }",
        (
            "mutation($id: UUID!) { a: startImport(id: $id, dryRun: true) { jobId } "
            "b: deleteImport(id: $id, dryRun: true) }"
        ),
    ],
)
async def test_rehearsed_mutation_changes_nothing(client, owner, org, document):
    id = (await upload(client)).json()["id"]
    before = await state_of(owner, org)
    assert (await client.data(document, id=id))["a"]
    assert await state_of(owner, org) == before


async def test_rehearsal_keeps_what_stands_beside_it(client):
    found = await client.data(
        'mutation { a: createContact(input: {lastName: "A"}) { id } '
        'b: createContact(input: {lastName: "B"}, dryRun: true) { id } '
        'c: createContact(input: {lastName: "C"}) { id } }'
    )
    listed = await client.read("contacts")
    assert {row["last_name"] for row in listed["data"]} == {"A", "C"}
    problem(await client.get(f"/v1/contacts/{found['b']['id']}"), 404)


async def test_merge_patch_has_a_media_type_of_its_own(client):
    made = await client.made("contacts", {"last_name": "A", "title": "Buyer"})
    for number, kind in enumerate(("application/merge-patch+json", "application/json")):
        answer = await client.patch(
            f"/v1/contacts/{made['id']}",
            content=b'{"title": null, "source": "%d"}' % number,
            headers={"Content-Type": kind},
        )
        assert answer.status_code == 200, answer.text
        assert (answer.json()["title"], answer.json()["source"]) == (None, str(number))
