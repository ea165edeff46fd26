"""What forms say: their fields in a language, and the texts that are agreed to."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.documents.languages import Language

PACKAGE = "crm_api.domains.prospects"
_KINDS = {"email": "email", "phone": "tel", "website": "url", "employees": "number"}
_FILLED = {
    "first_name": "given-name",
    "last_name": "family-name",
    "title": "organization-title",
    "email": "email",
    "phone": "tel",
    "company_name": "organization",
    "website": "url",
    "region": "address-level1",
    "postal_code": "postal-code",
    "country": "country-name",
    "language": "language",
}


def labelled(field: Mapping[str, Any], words: Language) -> dict[str, Any]:
    """A field as it is drawn: with its label, what is typed in, and what browsers fill in."""
    key = field["key"]
    return {
        "key": key,
        "id": key.replace(".", "-"),
        "label": _label(field, words),
        "kind": _KINDS.get(key, "text"),
        "is_long": key == "description",
        "is_required": field["is_required"],
        "options": field["options"],
        "filled": _FILLED.get(key, "off"),
    }


def _label(field: Mapping[str, Any], words: Language) -> str:
    labels: Mapping[str, str] = field["labels"]
    short = words.tag.split("-", maxsplit=1)[0]
    for tag, label in labels.items():
        if tag == words.tag or tag.split("-", maxsplit=1)[0] == short:
            return label
    own = words.labels.get(f"field_{field['key']}")
    if own is not None and not labels:
        return own
    return next(iter(labels.values()), own or field["key"].removeprefix("custom."))


def asked(consents: Sequence[Mapping[str, Any]], texts: Mapping[UUID, Any]) -> list[dict[str, Any]]:
    """What may be agreed to, with its words; without texts that are gone."""
    return [
        {
            "text_id": one["text_id"],
            "text": texts[UUID(one["text_id"])]["body"],
            "is_required": one["is_required"],
        }
        for one in consents
        if UUID(one["text_id"]) in texts
    ]
