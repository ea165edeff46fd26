"""Attributes and options of products in files: columns, cells, and values that fit the category."""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from crm_api.domains.catalogue.attributes import Schema, field_of, read_values
from crm_api.domains.catalogue.repository import ProductCategories
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.platform.transfer.plain import custom_hint
from crm_api.platform.transfer.reading.aliases import hint
from crm_api.platform.transfer.reading.lists import parts_of
from crm_api.platform.transfer.reading.mapping import FieldHint

COLUMN: Final = "attributes."
FIELDS: Final = {
    "attributes": hint("Attributes", "Product Attributes | Specifications | Merkmale"),
    "options": hint("Options", "Product Options | Variant Options | Optionen"),
}
_MOST_OPTIONS = 10
_KEY = re.compile(r"[^a-z0-9]+")


async def columns_of(tx: Tx) -> dict[str, FieldHint]:
    """A column for each attribute of any category; what categories mean otherwise is a text."""
    found: dict[str, FieldHint] = {}
    for told in await ProductCategories(tx).attributes():
        name, own = f"{COLUMN}{told['key']}", custom_hint(field_of(told))
        kind = own.kind if found.get(name, own).kind == own.kind else "text"
        found[name] = FieldHint(own.label, (told["key"], name, *told["labels"].values()), kind)
    return found


def given_of(texts: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The attributes of a row as they stand in it, by their keys; raises `Invalid`."""
    whole = texts.get("attributes")
    found = _object(whole[0]) if whole else {}
    single = {n.removeprefix(COLUMN): v[0] for n, v in texts.items() if n.startswith(COLUMN)}
    return {**found, **single}


def _object(cell: str) -> dict[str, Any]:
    found: Any = None
    with suppress(ValueError, RecursionError):
        found = json.loads(cell)
    if not isinstance(found, dict):
        message = "Not a JSON object as in exports."
        raise Invalid.at("/attributes", "invalid_attributes", message)
    values = cast("dict[str, Any]", found)
    return {name: value for name, value in values.items() if value is not None}


def fitting(schema: Schema, given: Mapping[str, Any], country: str | None) -> dict[str, Any]:
    """Attributes as they are stored, also of a column that may hold several; raises `Invalid`."""
    listed = {
        key: parts_of(value)
        for key, value in given.items()
        if isinstance(value, str) and schema.get(key, {}).get("type") == "multiselect"
    }
    return read_values(schema, {**given, **listed}, country)


def options_of(cell: str) -> list[Any]:
    """The options of a cell, as JSON like in exports, or as `Size: S, M, L; Colour`.

    Raises `Invalid`.
    """
    text = cell.strip()
    if not text.startswith("["):
        return list(_options(parts_of(text)))[: _MOST_OPTIONS + 1]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        message = "Options are not as in `Size: S, M, L; Colour`."
        raise Invalid.at("/options", "invalid_options", message) from None
    return found[: _MOST_OPTIONS + 1]


def _options(parts: Iterable[str]) -> Iterable[dict[str, Any]]:
    for place, part in enumerate(parts, 1):
        label, _, values = part.partition(":")
        key = _KEY.sub("_", label.strip().lower()).strip("_")
        yield {
            "key": key[:63] if key[:1].isalpha() else f"option{place}",
            "label": label.strip(),
            "values": [value.strip() for value in values.split(",") if value.strip()],
        }


def keyed(options: Iterable[Mapping[str, Any]], before: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Options with the keys that those of the same labels have already."""
    keys = {one["label"].casefold(): one["key"] for one in before}
    return [{**one, "key": keys.get(one["label"].casefold(), one["key"])} for one in options]
