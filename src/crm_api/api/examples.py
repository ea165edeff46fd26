"""Example bodies, made from the schemas of the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

_FORMATS = {
    "uuid": "0197f0e4-5a1c-7c3e-9d41-3f2b8a6c7d10",
    "date-time": "2026-03-02T09:30:00Z",
    "date": "2026-03-02",
    "uri": "https://example.com",
    "binary": "",
}
_BODIES = ("application/json", "application/merge-patch+json")


def add_examples(document: dict[str, Any]) -> None:
    """Give each operation's body and each answer that has none an example.

    A sent body shows what is required and what its schema has an example for; an answer shows
    every field. What creation has an example for, changes and answers show alike.
    """
    _share(document["components"]["schemas"])
    for item in document["paths"].values():
        for operation in item.values():
            sent = operation.get("requestBody", {}).get("content", {})
            for kind in _BODIES:
                _illustrate(sent.get(kind), document, whole=False)
            for answer in operation["responses"].values():
                got = answer.get("content", {})
                _illustrate(got.get("application/json"), document, whole=True)


def _share(schemas: Mapping[str, Any]) -> None:
    for name, created in schemas.items():
        one = name.removesuffix("Create")
        for other in (f"{one}Update", f"{one}Out", f"{one}Made"):
            if one == name or other not in schemas:
                continue
            for field, inner in schemas[other].get("properties", {}).items():
                known = created["properties"].get(field, {}).get("examples")
                if known:
                    inner.setdefault("examples", known)


def _illustrate(media: dict[str, Any] | None, document: Mapping[str, Any], *, whole: bool) -> None:
    if media is not None and "example" not in media and media.get("schema"):
        media["example"] = example_of(media["schema"], document, whole=whole)


def example_of(schema: Mapping[str, Any], document: Mapping[str, Any], *, whole: bool) -> Any:
    """A value that fits a schema; of an object all properties if `whole`, else those that matter.

    Recursive schemas are taken to end, by a default or null, where they refer to themselves.
    """
    return _Maker(document, whole=whole).value(schema, ())


class _Maker:
    def __init__(self, document: Mapping[str, Any], *, whole: bool) -> None:
        self._schemas = document["components"]["schemas"]
        self._whole = whole

    def value(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> Any:
        if schema.get("examples"):
            return schema["examples"][0]
        for known in ("const", "default"):
            if schema.get(known) is not None:
                return schema[known]
        if "enum" in schema:
            return schema["enum"][0]
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return None if name in within else self.value(self._schemas[name], (*within, name))
        if "anyOf" in schema:
            return self._one_of(schema["anyOf"], within)
        return self._plain(schema, within)

    def _one_of(self, choices: list[Mapping[str, Any]], within: tuple[str, ...]) -> Any:
        first = next(choice for choice in choices if choice.get("type") != "null")
        may_lack = any(choice.get("type") == "null" for choice in choices)
        if may_lack and self._whole and not (first.get("examples") or "$ref" in first):
            return None
        return self.value(first, within)

    def _plain(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(schema, within)
            case "array":
                wanted = schema.get("items") and (self._whole or schema.get("minItems"))
                count = max(schema.get("minItems", 1), 1)
                return [self.value(schema["items"], within)] * count if wanted else []
            case "string":
                return _FORMATS.get(schema.get("format", ""), "text")
            case "integer" | "number" as kind:
                least = schema.get("minimum", 1)
                return int(least) if kind == "integer" else least
            case "boolean":
                return True
            case _:
                return None

    def _object(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self.value(inner, within)
            for name, inner in schema.get("properties", {}).items()
            if self._whole or name in required or inner.get("examples")
        }
