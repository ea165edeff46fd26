"""Any collection as a file: the same rows in the same order as its list shows."""

import csv
import io
import json
from datetime import UTC, datetime

import openpyxl

from support.clients import pointers, problem
from support.exports import begun, ended, exported
from support.graph import pascal
from support.waiting import patiently


def table(answer, delimiter=","):
    return list(csv.DictReader(io.StringIO(answer.content.decode()), delimiter=delimiter))


async def rows_of(client, kind):
    """What a file of all fields shows; custom fields, of which there are none, are columns."""
    await kind.several(client)
    async for _ in patiently():
        # What is due is taken up, and has another time then.
        if not any(map(_is_due, (await client.read(kind.path, limit=200))["data"])):
            break
    # Some are changed once more by jobs of their own.
    await client.idle()
    rows = (await client.read(kind.path, limit=200))["data"]
    return [{name: value for name, value in row.items() if name != "custom"} for row in rows]


def _is_due(row):
    next_at = row.get("next_at")
    return next_at is not None and datetime.fromisoformat(next_at) <= datetime.now(UTC)


def columns(kind):
    return [name for name in kind.listing.shown if name != "custom"]


async def test_ndjson_is_what_rest_shows(client, kind, worker):
    rows = await rows_of(client, kind)
    answer = await exported(client, kind.path, format="ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == rows


async def test_csv_has_a_column_for_each_field(client, kind, worker):
    rows = await rows_of(client, kind)
    answer = await exported(client, kind.path)
    found = table(answer)
    assert list(found[0]) == columns(kind)
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    for line, row in zip(found, rows, strict=True):
        for name, value in row.items():
            if value is None or value in ([], {}):
                assert line[name] == "", name
            elif isinstance(value, bool):
                assert line[name] == str(value).lower()
            elif name in kind.listing.fields and kind.listing.fields[name].kind == "instant":
                assert datetime.fromisoformat(line[name]) == datetime.fromisoformat(value)
            elif not isinstance(value, list | dict):
                assert line[name] in {str(value), f"'{value}", json.dumps(value)}, name


async def test_xlsx_has_the_same_table(client, kind, worker):
    rows = await rows_of(client, kind)
    answer = await exported(client, kind.path, format="xlsx")
    book = openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True)
    header, *lines = book.active.iter_rows(values_only=True)
    assert list(header) == columns(kind)
    assert [line[0] for line in lines] == [row["id"] for row in rows]
    place = header.index("version")
    assert [line[place] for line in lines] == [row["version"] for row in rows]
    book.close()


async def test_what_is_asked_is_what_comes(client, kind, worker):
    rows = await rows_of(client, kind)
    await client.delete(f"/v1/{kind.path}/{rows[0]['id']}")
    body = {
        "filter": {"version": {"gte": 1}, "created_at": {"gte": "@now-1h"}},
        "sort": ["-updated_at"],
        "fields": ["id", "deleted_at", "version"],
        "deleted": "include",
    }
    listed = (await client.post(f"/v1/{kind.path}/query", json={**body, "limit": 200})).json()
    answer = await exported(client, kind.path, format="ndjson", **body)
    assert [json.loads(line) for line in answer.text.splitlines()] == listed["data"]
    only = await exported(client, kind.path, format="ndjson", fields=["id"], deleted="only")
    assert json.loads(only.text) == {"id": rows[0]["id"]}
    nothing = await exported(client, kind.path, filter={"version": 0}, fields=["id"])
    assert nothing.content == b"id\r\n"


async def test_related_fields_are_columns(client, kind, worker):
    await rows_of(client, kind)
    for relation in kind.listing.relations:
        if relation.many:
            continue
        path = f"{relation.name}.id"
        answer = await exported(client, kind.path, fields=["id", path], sort=[path])
        found = table(answer)
        fields = f"id,{path}"
        listed = await client.read(kind.path, fields=fields, sort=path, limit=200)
        assert [(row["id"], row[path] or None) for row in found] == [
            (row["id"], row[relation.name] and row[relation.name]["id"]) for row in listed["data"]
        ]


async def test_a_view_says_what_is_exported(client, kind, worker):
    rows = await rows_of(client, kind)
    view = await client.made(
        "views",
        {
            "name": "Example",
            "target": kind.entity,
            "sharing": "organization",
            "filter": {"id": {"ne": rows[0]["id"]}},
            "sort": ["created_at"],
            "fields": ["id"],
        },
    )
    body = {"view": view["id"], "filter": {"id": {"in": [row["id"] for row in rows]}}}
    answer = await exported(client, kind.path, **body)
    wanted = [row["id"] for row in sorted(rows[1:], key=lambda r: (r["created_at"], r["id"]))]
    assert [row["id"] for row in table(answer)] == wanted


async def test_the_same_over_graphql(client, kind, worker):
    rows = await rows_of(client, kind)
    name = f"export{pascal(kind.name)}"
    document = (
        f"mutation($i: ExportInput!) {{ {name}(input: $i) "
        "{ jobId export { id target status downloadUrl } } }"
    )
    asked = {"format": "ndjson", "fields": ["id"], "sort": ["-created_at"]}
    started = (await client.data(document, i=asked))[name]
    assert started["export"]["target"] == kind.entity
    done = await ended(client, started["export"]["id"])
    read = "query($id: UUID!) { export(id: $id) { status rows jobId downloadUrl filename } }"
    shown = (await client.data(read, id=done["id"]))["export"]
    assert shown["downloadUrl"].startswith("/public/exports/")
    assert (shown["status"], shown["rows"]) == ("succeeded", len(rows))
    assert shown["jobId"] == started["jobId"]


async def test_exporting_takes_a_scope_of_its_own(client, kind, keyed, worker):
    read = await keyed(f"{kind.area}:read", "exports:read")
    problem(await read.post(f"/v1/{kind.path}/export", json={}), 403, "insufficient_scope")
    export = await keyed(f"{kind.area}:export", "exports:read", "jobs:read")
    problem(await export.post(f"/v1/{kind.path}/export", json={}), 403, "insufficient_scope")
    both = await keyed(f"{kind.area}:export", f"{kind.area}:read", "exports:read", "jobs:read")
    started = await begun(both, kind.path, fields=["id"])
    done = await ended(both, started["export"]["id"])
    assert done["download_url"]
    # Who may not export does not get at what others have exported.
    assert (await read.read(f"exports/{done['id']}"))["download_url"] is None
    for relation in kind.listing.relations:
        target = relation.target()
        if target.area != kind.area and not relation.many:
            body = {"fields": [f"{relation.name}.id"]}
            problem(await both.post(f"/v1/{kind.path}/export", json=body), 403)


WRONG = [
    ({"format": "pdf"}, "/format"),
    ({"filter": {"gone": 1}}, "/filter/gone"),
    ({"sort": ["gone"]}, "/sort"),
    ({"fields": ["gone"]}, "/fields"),
    ({"fields": ["gone.id"]}, "/fields"),
    ({"fields": ["a.b.c.id"]}, "/fields"),
    ({"view": "01990000-0000-7000-8000-00000000dead"}, "/view"),
    ({"deleted": "yes"}, "/deleted"),
    ({"delimiter": "x"}, "/delimiter"),
    ({"limit": 1}, "/limit"),
]


async def test_wrong_requests_begin_nothing(client, kind, subtests):
    for body, pointer in WRONG:
        with subtests.test(msg=str(body)):
            answer = await client.post(f"/v1/{kind.path}/export", json=body)
            assert pointers(problem(answer, 422)) == [pointer]
            assert (await client.read("exports"))["data"] == []
