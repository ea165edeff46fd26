"""What is asked for with a file: how rows are matched, how it is read; and what is refused."""

import json
from uuid import UUID

import pytest

from crm_api.platform.transfer import engine
from crm_api.platform.transfer.reading import limits
from support.clients import pointers, problem


@pytest.mark.usefixtures("worker")
async def test_rows_are_matched_by_what_is_chosen(files, client, csv_of):
    body = {"last_name": "Old", "phone": "+4930901820", "email": "old@example.com"}
    old = await client.made("contacts", body)
    content = csv_of(["Last Name", "Email", "Phone"], ["New", "new@example.com", "+4930901820"])
    made = await files.made(content)
    at = f"imports/{made['id']}"
    assert (await files.done(made["id"], "validate"))["create"] == 1
    await client.changed(at, {"options": {"match": ["phone"]}})
    for verb in ("validate", "start"):
        assert (await files.done(made["id"], verb))["update"] == 1
    (found,) = await files.all("contacts")
    assert (found["id"], found["last_name"]) == (old["id"], "New")


@pytest.mark.parametrize(
    ("entity", "match", "place"),
    [
        ("contact", ["email", "domain"], 1),
        ("contact", ["name"], 0),
        ("contact", ["custom.nope"], 0),
        ("deal", ["email"], 0),
    ],
)
async def test_what_records_cannot_be_matched_by(files, client, csv_of, entity, match, place):
    made = await files.made(csv_of(["Name"], ["A"]), entity=entity)
    at = f"/v1/imports/{made['id']}"
    answer = await client.patch(at, json={"options": {"match": match}})
    found = problem(answer, 422, "validation")["errors"]
    assert [(e["pointer"], e["code"]) for e in found] == [
        (f"/options/match/{place}", "not_a_choice")
    ]
    told = await client.gql(
        "mutation($id: UUID!, $in: ImportInput!) { updateImport(id: $id, input: $in) { id } }",
        id=made["id"],
        **{"in": {"options": {"match": match}}},
    )
    assert told["errors"][0]["extensions"]["code"] == "validation"


async def test_companies_are_matched_by_name_or_domain(files, client, csv_of):
    made = await files.made(csv_of(["Company Name"], ["A"]), entity="company")
    await client.changed(f"imports/{made['id']}", {"options": {"match": ["name", "domain"]}})


@pytest.mark.parametrize(
    ("content", "form", "code"),
    [
        ("Last Name\nA\n", {"encoding": "a\0b"}, "encoding_mismatch"),
        ('{"a\\ud800": 1}\n', {"name": "x.ndjson"}, "invalid_column"),
        ('{"a\\u0000": 1}\n', {"name": "x.ndjson"}, "invalid_column"),
    ],
)
async def test_what_is_no_text_is_refused(files, content, form, code):
    assert problem(await files.upload(content, **form), 422)["code"] in {code, "validation"}


@pytest.mark.parametrize("depth", [*range(960, 1000, 3), 5_000])
async def test_deep_nesting_is_a_mistake_at_most(files, depth):
    lines = ['{"last_name": "A"}', '{"last_name": %s}' % ("[" * depth + "]" * depth)]
    answer = await files.upload("\n".join(lines), name="x.ndjson")
    assert answer.status_code in {201, 422}, answer.text


async def test_fields_that_a_form_does_not_have(files, csv_of):
    answer = await files.upload(csv_of(["Last Name"], ["A"]), delimeter=";")
    (found,) = problem(answer, 422)["errors"]
    assert (found["pointer"], found["code"]) == ("/delimeter", "unknown_field")


@pytest.mark.usefixtures("worker")
async def test_ndjson_becomes_records(files, client):
    lines = [{"last_name": "A", "email": "a@example.com"}, {"last_name": "B", "email": "no"}]
    content = "\n".join(map(json.dumps, lines))
    record = await files.imported(content, name="people.ndjson")
    assert (record["counts"]["create"], record["counts"]["error"]) == (1, 1)
    assert record["format"]["kind"] == "ndjson"
    (found,) = await files.all("contacts")
    assert (found["last_name"], found["email"]) == ("A", "a@example.com")


@pytest.mark.usefixtures("worker")
async def test_mistakes_and_fields_over_graphql(files, client, csv_of):
    record = await files.imported(
        csv_of(["Last Name", "Email"], ["A", "no address"], ["B", "none"])
    )
    query = """query($id: UUID!, $first: Int!, $after: Int!) {
        importErrors(id: $id, first: $first, after: $after) {
            after nodes { row column code value cells } }
        importFields(entity: "contact") { field label kind multiple } }"""
    told = (await client.gql(query, id=record["id"], first=1, after=0))["data"]
    (fault,) = told["importErrors"]["nodes"]
    assert (fault["row"], fault["column"], fault["code"], fault["cells"]) == (
        *(1, "Email", "invalid_email"),
        ["A", "no address"],
    )
    rest = await client.read("imports/fields/contact")
    assert told["importFields"] == rest["data"]
    more = (await client.gql(query, id=record["id"], first=5, after=1))["data"]
    assert [fault["row"] for fault in more["importErrors"]["nodes"]] == [2]
    wrong = await client.gql(query, id=record["id"], first=-1, after=0)
    assert wrong["errors"][0]["extensions"]["problem"]["errors"][0]["pointer"] == "/first"


async def test_what_is_not_counted_yet_is_none_over_graphql(files, client, csv_of, owner):
    record = await files.made(csv_of(["Last Name"], ["A"]))
    # As of imports from before formats told it.
    sql = "UPDATE imports SET format = format - 'above' WHERE id = $1"
    await owner.execute(sql, UUID(record["id"]))
    parts = "counts { create error } format { above header } undone { kept }"
    shown = {
        "counts": {"create": 0, "error": 0},
        "format": {"above": 0, "header": True},
        "undone": None,
    }
    told = await client.data(
        f"query($i: UUID!) {{ import(id: $i) {{ {parts} }} imports {{ nodes {{ {parts} }} }} }}",
        i=record["id"],
    )
    assert told == {"import": shown, "imports": {"nodes": [shown]}}


async def test_mistakes_point_to_columns_whatever_they_are_called(files, client, csv_of):
    record = await files.made(csv_of(["Last/Name", "E~mail"], ["A", "a@example.com"]))
    wrong = [
        ({"mapping": {"Last/Name": "nope"}}, "/mapping/Last~1Name"),
        ({"mapping": {"E~mail": "nope"}}, "/mapping/E~0mail"),
        ({"options": {"country": "XX"}}, "/options/country"),
    ]
    for body, pointer in wrong:
        answer = await client.patch(f"/v1/imports/{record['id']}", json=body)
        assert pointers(problem(answer, 422)) == [pointer]
    body = {"options": {"match": ["vin"]}}
    answer = await client.patch(f"/v1/imports/{record['id']}", json=body)
    assert set(pointers(problem(answer, 422))) == {"/options/match/0"}


@pytest.mark.parametrize("field", ["contacts", "jobs", "events", "imports"])
async def test_lists_of_less_than_one(client, field):
    told = await client.gql(f"{{ {field}(first: -1) {{ __typename }} }}")
    (fault,) = told["errors"][0]["extensions"]["problem"]["errors"]
    assert (fault["pointer"], fault["code"]) == ("/first", "greater_than_equal")


@pytest.mark.usefixtures("worker")
async def test_a_record_that_goes_meanwhile_is_a_mistake(files, client, csv_of, monkeypatch):
    old = await client.made("contacts", {"last_name": "Old", "email": "a@example.com"})
    record = await files.made(csv_of(["Last Name", "Email"], ["New", "a@example.com"]))
    looked = engine.match

    async def removed_after(*args):
        found = await looked(*args)
        await client.delete(f"/v1/contacts/{old['id']}")
        return found

    monkeypatch.setattr(engine, "match", removed_after)
    counts = await files.done(record["id"], "start")
    assert (counts["update"], counts["error"]) == (0, 1)
    assert [e["code"] for e in await files.errors(record["id"])] == ["record_gone"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("exact", [0, 1 << 20])
async def test_sheets_become_records(files, client, write_xlsx, monkeypatch, exact):
    monkeypatch.setattr(limits, "EXACT_SHEET_BYTES", exact)

    def row(*cells):
        texts = (
            c if c.startswith("<") else f'<c t="inlineStr"><is><t>{c}</t></is></c>' for c in cells
        )
        return f"<row>{''.join(texts)}</row>"

    nothing, broken = "<c><f>A1</f></c>", '<c t="e"><f>B1</f><v>#REF!</v></c>'
    path = write_xlsx(
        row("Last Name", "Title", "Elsewhere")
        + row("A", "Chief", "x")
        + row("B", nothing, "x")
        + "<row></row>"
        + row("C", broken, "x")
        + row("D", '<c t="str"><f>A1</f><v></v></c>', broken)
    )
    made = await files.made(path, name="people.xlsx")
    assert made["format"]["kind"] == "xlsx"
    assert made["rows"] == (4 if exact else 5)
    for verb in ("validate", "start"):
        counts = await files.done(made["id"], verb)
        assert (counts["create"], counts["error"]) == (2, 2)
        errors = await files.errors(made["id"])
        assert [(e["row"], e["column"], e["code"], e["value"]) for e in errors] == [
            ("2", "Title", "formula_without_value", ""),
            ("3", "Title", "cell_error", "#REF!"),
        ]
    assert (await client.read(f"imports/{made['id']}"))["rows"] == 4
    found = {c["last_name"]: c["title"] for c in await files.all("contacts")}
    assert found == {"A": "Chief", "D": None}
