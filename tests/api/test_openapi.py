"""The documents that clients are made from."""

import re
from collections import Counter

from support.factories import KINDS

VERBS = {"get", "post", "put", "patch", "delete"}


def operations(document):
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            if verb in VERBS:
                yield path, verb, operation


def test_operation_ids_are_unique(app):
    ids = Counter(operation["operationId"] for _, _, operation in operations(app.openapi()))
    assert [id for id, times in ids.items() if times > 1] == []


def test_shapes_have_names_that_clients_can_be_made_of(app):
    """Two classes of one name would stand there by the paths of their modules."""
    names = app.openapi()["components"]["schemas"]
    assert [name for name in names if not re.fullmatch(r"(Body_)?[A-Za-z][A-Za-z0-9]*", name)] == []


def test_every_operation_says_what_can_go_wrong(app):
    document = app.openapi()
    problem = "#/components/schemas/Problem"
    assert "Problem" in document["components"]["schemas"]
    for path, verb, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        if not path.startswith("/v1/"):
            continue
        assert operation["security"] in ([{"key": []}], []), path
        assert {"401", "503"} <= operation["responses"].keys(), (path, verb)
        for status, answer in operation["responses"].items():
            if status >= "400":
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": problem}, (path, verb, status)


LIMITS = {"maxLength", "minLength", "pattern", "format", "maximum", "minimum", "enum"}


def test_operations_whose_parameters_can_be_wrong_say_so(app):
    for path, verb, operation in operations(app.openapi()):
        for parameter in operation.get("parameters", ()):
            if LIMITS & parameter["schema"].keys():
                assert "422" in operation["responses"], (path, verb, parameter["name"])


def test_every_reference_leads_somewhere(app):
    document = app.openapi()

    def walk(value):
        if isinstance(value, dict):
            if "$ref" in value:
                assert value["$ref"].rpartition("/")[2] in document["components"]["schemas"]
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)


def test_collections_document_their_parameters(app):
    paths = app.openapi()["paths"]
    for kind in KINDS:
        names = {p["name"] for p in paths[f"/v1/{kind.path}"]["get"]["parameters"]}
        wanted = {"limit", "cursor", "sort", "fields", "include", "q", "count", "deleted", "filter"}
        assert wanted <= names, kind
        for verb in ("patch", "delete"):
            found = {p["name"] for p in paths[f"/v1/{kind.path}/{{id}}"][verb]["parameters"]}
            assert {"If-Match", "dry_run", "id"} <= found


def test_collections_document_what_may_be_filtered(app):
    paths = app.openapi()["paths"]
    for kind in KINDS:
        given = paths[f"/v1/{kind.path}"]["get"]["parameters"]
        (filter,) = [p for p in given if p["name"] == "filter"]
        told = filter["description"]
        assert filter["schema"] == {"type": "object", "additionalProperties": True}
        for name in (*kind.listing.fields, *kind.listing.related, *kind.listing.terms):
            assert f"`{name}`" in told, (kind, name)
    (contacts,) = [p for p in paths["/v1/contacts"]["get"]["parameters"] if p["name"] == "filter"]
    assert "(tags): `has`, `is_null`." in contacts["description"]
    asked = "`some`, `none`, `every`, `count`, `sum`, `avg`, `min`, `max`"
    assert f"(records): {asked}." in contacts["description"]


async def test_document_is_served(anonymous):
    answer = await anonymous.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
    assert (await anonymous.get("/docs")).status_code == 200
