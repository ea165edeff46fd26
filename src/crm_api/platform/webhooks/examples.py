"""Values as they might be, by their JSON Schema: for examples of what is sent."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Schema = Mapping[str, Any]
_WORDS: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Example",
    "name": "Example Industries",
    "title": "Example",
    "subject": "Talk about the offer",
    "email": "person@example.com",
    "value": "+49 30 901820",
    "phone": "+49 30 901820",
    "url": "https://www.example.com",
    "website": "https://www.example.com",
    "domain": "example.com",
    "country": "DE",
    "currency": "EUR",
    "language": "en",
    "locale": "en",
    "time_zone": "Europe/Berlin",
    "city": "Berlin",
    "postal_code": "10117",
    "amount": "1200.00",
    "status": "open",
}
_FORMATS = {
    "date-time": "2026-11-30T09:30:00Z",
    "date": "2026-11-30",
    "time": "09:30:00",
    "email": "person@example.com",
    "uri": "https://www.example.com",
}
_PATTERNED = (
    "1200.00",
    "100",
    "EUR",
    "DE",
    "en",
    "example",
    "EXAMPLE-1",
    "0",
    "2026-11",
    "#336699",
)
DEEPEST = 6


def example_of(schema: Schema, name: str = "", depth: int = 0) -> Any:
    """A value that is valid by a schema, of a property that is called this."""
    if "const" in schema:
        return schema["const"]
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        known = [one for one in schema["anyOf"] if one.get("type") != "null"]
        return example_of(known[0], name, depth) if known else None
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    makers = {"object": _object, "array": _array, "string": _string}
    if kind in makers:
        return makers[kind](schema, name, depth)
    return _plain(schema, kind)


def examples_of(properties: Mapping[str, Schema]) -> dict[str, Any]:
    """A value for each of these properties."""
    return {name: example_of(schema, name) for name, schema in properties.items()}


def _plain(schema: Schema, kind: str | None) -> Any:
    if kind == "boolean":
        return True
    if kind in {"integer", "number"}:
        return max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
    return None if kind == "null" else {}


def _object(schema: Schema, _name: str, depth: int) -> dict[str, Any]:
    wanted: Mapping[str, Schema] = schema.get("properties", {})
    if depth >= DEEPEST:
        wanted = {name: wanted[name] for name in schema.get("required", ())}
    return {name: example_of(one, name, depth + 1) for name, one in wanted.items()}


def _array(schema: Schema, name: str, depth: int) -> list[Any]:
    items = schema.get("items")
    if not items or (depth >= DEEPEST and not schema.get("minItems")):
        return []
    return [example_of(items, name.removesuffix("s"), depth + 1)] * max(
        1, schema.get("minItems", 1)
    )


def _string(schema: Schema, name: str, _depth: int) -> str:
    if schema.get("format") == "uuid":
        return str(uuid5(NAMESPACE_URL, name))
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    known = _WORDS.get(name, "Example")
    return next((one for one in (known, *_PATTERNED) if _fits(one, schema)), known)


def _fits(value: str, schema: Schema) -> bool:
    longest: int = schema.get("maxLength", len(value))
    pattern = schema.get("pattern")
    fits = pattern is None or re.search(pattern, value) is not None
    return fits and schema.get("minLength", 0) <= len(value) <= longest
