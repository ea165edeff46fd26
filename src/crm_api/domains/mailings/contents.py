"""What is said: whether its templates ask for what there is, and which one somebody gets."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from crm_api.kit.automation import Checking
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.templates import Sandboxed

ENTITY = "contact"
RECORDS: Mapping[str, str] = {"contact": "contact", "company": "company"}
"""What fields are of, and the kinds of record that these are."""
ORGANIZATION = ("name", "country", "language", "currency")
UNSUBSCRIBE = "unsubscribe_url"
PARTS: Mapping[str, bool] = {"subject": False, "text": False, "html": True}
"""The templates of a content, and whether what is filled in is escaped."""


def check(tx: Tx, contents: Sequence[Mapping[str, Any]]) -> None:
    """Raise `Invalid`, with pointers, for what no contact could be sent."""
    about = Checking(tx, ENTITY, others=RECORDS, roots=frozenset({"organization", UNSUBSCRIBE}))
    known: set[tuple[Any, Any]] = set()
    for place, one in enumerate(contents):
        at = f"/contents/{place}"
        key = (one.get("variant"), one.get("language"))
        if key in known:
            about.fault(at, "repeated", "Another one is for this variant and language.")
        known.add(key)
        for name, is_html in PARTS.items():
            if one.get(name) is not None:
                _check(about, one[name], f"{at}/{name}", is_html=is_html)
    if about.faults:
        raise Invalid(about.faults[0].message, faults=about.faults[:100])


def _check(about: Checking, source: str, at: str, *, is_html: bool) -> None:
    paths, flaws = Sandboxed(source, html=is_html).read()
    about.faults += [Fault(one.code, one.message, at) for one in flaws[:5]]
    for path in paths:
        root, _, rest = path.partition(".")
        if root == "organization":
            if rest not in ORGANIZATION:
                about.fault(at, "unknown_field", f"organization has no field {rest[:60]!r}.")
        elif root in RECORDS and _goes_too_deep(about.tx, RECORDS[root], rest):
            about.fault(at, "unknown_field", f"{root} has no field {rest[:60]!r}.")
        elif root == UNSUBSCRIBE and rest:
            about.fault(at, "unknown_field", "It is a text.")
        else:
            about.path(path, at)


def _goes_too_deep(tx: Tx, entity: str, path: str) -> bool:
    """Whether something is asked of a value that has no such part."""
    name, *inner = path.split(".")
    if not inner or name == "custom":
        return len(inner) > 1
    field = service_of(tx, entity).records.listing.out.model_fields.get(name)
    if field is None or get_origin(field.annotation) is not list:
        return True
    (each,) = get_args(field.annotation)
    # Of a list its values, or one of them by its number; loops go over all of them.
    parts = inner[1:] if inner[0].isdecimal() else inner
    known = each.model_fields if issubclass(each, BaseModel) else ()
    return len(parts) > 1 or any(part not in known for part in parts)


def chosen(
    contents: Sequence[Mapping[str, Any]], variant: str | None, language: str | None
) -> int | None:
    """The place of the content that fits best, by variant and then by language."""
    tag = (language or "").lower()
    primary = tag.partition("-")[0]

    def fits(one: Mapping[str, Any]) -> tuple[bool, int] | None:
        own = one.get("variant")
        if own not in (None, variant):
            return None
        said = (one.get("language") or "").lower()
        rank = (
            3 if said and said == tag else 2 if said and said == primary else 1 if not said else 0
        )
        return own is not None, rank

    ranked = [(rank, -place) for place, one in enumerate(contents) if (rank := fits(one))]
    return -max(ranked)[1] if ranked else None
