"""Checks a value against the part of JSON Schema that the OpenAPI document uses."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
_FORMATS = {
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    "date": r"\d{4}-\d\d-\d\d",
}
_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
_KNOWN = {
    "$ref", "anyOf", "type", "enum", "const", "pattern", "format", "properties", "required",
    "additionalProperties", "items", "title", "description", "examples", "default", "maximum",
    "minimum", "exclusiveMinimum", "exclusiveMaximum", "maxLength", "minLength", "maxItems", "minItems", "maxProperties",
    "propertyNames", "patternProperties",
}  # fmt: skip


def errors(value: Any, schema: Any, document: Mapping[str, Any], at: str = "$") -> list[str]:
    """What is wrong with a value; an object may hold nothing that is not documented."""
    if schema in ({}, True):
        return []
    unknown = schema.keys() - _KNOWN
    assert not unknown, f"teach this checker {unknown}"
    if "$ref" in schema:
        return errors(value, _referred(schema["$ref"], document), document, at)
    if "anyOf" in schema:
        tried = [errors(value, one, document, at) for one in schema["anyOf"]]
        return [] if any(not found for found in tried) else [f"{at}: none of {schema['anyOf']}"]
    return [*_scalar(value, schema, at), *_inner(value, schema, document, at)]


def _referred(reference: str, document: Mapping[str, Any]) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _scalar(value: Any, schema: Mapping[str, Any], at: str) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, list):
        tried = [_scalar(value, {**schema, "type": one}, at) for one in kind]
        return [] if any(not found for found in tried) else tried[0]
    if kind is not None:
        wanted = _TYPES[kind]
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
            return [f"{at}: {value!r} is not of type {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is not one of {schema['enum']}"]
    if "const" in schema and value != schema["const"]:
        return [f"{at}: {value!r} is not {schema['const']!r}"]
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return [f"{at}: {value!r} does not match {schema['pattern']}"]
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return [f"{at}: {value!r} is too short or too long"]
        form = _FORMATS.get(schema.get("format", ""))
        if form is not None and not re.fullmatch(form, value):
            return [f"{at}: {value!r} is not a {schema['format']}"]
    if isinstance(value, int | float):
        for name, fits in _BOUNDS.items():
            if name in schema and not fits(value, schema[name]):
                return [f"{at}: {value!r} is beyond {name} {schema[name]}"]
    return []


def _inner(
    value: Any, schema: Mapping[str, Any], document: Mapping[str, Any], at: str
) -> list[str]:
    found: list[str] = []
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += errors(item, schema["items"], document, f"{at}[{index}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{at}: lacks {n}" for n in schema.get("required", ()) if n not in value]
        patterns = schema.get("patternProperties", {})
        extra = schema.get("additionalProperties", not properties and not patterns)
        for name, item in value.items():
            fitting = [inner for pattern, inner in patterns.items() if re.search(pattern, name)]
            fitting += [properties[name]] if name in properties else []
            if fitting:
                for inner in fitting:
                    found += errors(item, inner, document, f"{at}.{name}")
            elif extra is False:
                found.append(f"{at}: {name} is not documented")
            else:
                found += errors(item, extra, document, f"{at}.{name}")
    return found
