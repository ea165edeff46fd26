"""The examples of the OpenAPI document are true."""

import pytest

from crm_api.api.examples import example_of
from support import json_schema
from support.factories import KINDS


def bodies(document):
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            sent = operation.get("requestBody", {}).get("content", {})
            answers = [a.get("content", {}) for a in operation["responses"].values()]
            for content in (sent, *answers):
                if "application/json" in content:
                    yield f"{verb} {path}", content["application/json"]


def test_every_json_body_has_an_example_that_fits(app):
    document = app.openapi()
    found = list(bodies(document))
    assert len(found) > 40
    for operation, body in found:
        assert "example" in body, operation
        assert json_schema.errors(body["example"], body["schema"], document) == [], operation


def test_every_topic_is_a_webhook_with_a_true_example(app):
    document = app.openapi()
    for kind in KINDS:
        for verb in ("created", "updated", "deleted", "restored"):
            hook = document["webhooks"][f"{kind.listing.entity}.{verb}"]["post"]
            body = hook["requestBody"]["content"]["application/json"]
            assert body["example"]["type"] == f"{kind.listing.entity}.{verb}"
            assert json_schema.errors(body["example"], body["schema"], document) == []


@pytest.mark.parametrize("collection", ["contacts", "companies"])
async def test_the_example_of_creation_can_be_sent_as_it_is(app, client, collection):
    operation = app.openapi()["paths"][f"/v1/{collection}"]["post"]
    answer = await client.post(
        f"/v1/{collection}", json=operation["requestBody"]["content"]["application/json"]["example"]
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string", "format": "date"}, "2026-03-02"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, None),
        ({"anyOf": [{"type": "integer", "examples": [7]}, {"type": "null"}]}, 7),
        ({"type": "array", "items": {"enum": ["b", "a"]}}, ["b"]),
        ({"type": "number", "minimum": 0}, 0),
        ({"$ref": "#/components/schemas/Tree"}, {"below": None, "name": "text"}),
        ({}, None),
    ],
)
def test_an_example_is_made_from_what_the_schema_says(schema, example):
    tree = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "below": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}]},
        },
    }
    document = {"components": {"schemas": {"Tree": tree}}}
    assert example_of(schema, document, whole=True) == example
