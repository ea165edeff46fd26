"""What a version holds, and what is different between two of them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from crm_api.domains.quotes.letterhead import letterhead_of
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.quotes.schemas import CONTENT
from crm_api.kit.db.json import decode, encode
from crm_api.kit.errors import NotFound, WrongState

_encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_SUMS = ("net", "tax", "gross", "one_time", "mrr", "arr", "acv", "tcv", "discount_percent")
_OFFERED = (*sorted(CONTENT), "totals", "rates", *_SUMS)
_SPEAKING = ("contact", "company", "organization")
_OF_LINES = frozenset({"lines", "seller", "date"})


@dataclass(frozen=True)
class Letter:
    """What is sent: what is offered, to whom, and what has become of them."""

    content: dict[str, Any]
    customer: dict[str, Any]
    """What the document says of them, and nothing else that is known."""
    gone: Sequence[str]
    """`company`, `contact`: in the bin by now."""


async def letter_of(records: Quotes, quote: Mapping[str, Any], number: str, day: date) -> Letter:
    """A quote as it is shown, with the parties as they are called now."""
    found = await records.parties(quote["company_id"], quote["contact_id"], quote["owner_id"])
    spoken = (None if found[name] is None else found[name]["language"] for name in _SPEAKING)
    languages: list[str | None] = [quote["language"], *spoken, "en"]
    organization, company, contact = found["organization"], found["company"], found["contact"]
    content: dict[str, Any] = {
        **{name: quote[name] for name in _OFFERED},
        "language": next(filter(None, languages)),
        "number": number,
        "revision": quote["revision"],
        "date": day,
        "seller": {
            "organization": {name: organization[name] for name in ("name", "country")},
            "person": found["owner"],
            "letterhead": letterhead_of(records.tx),
        },
    }
    return Letter(
        # As it is read back, so that its hash is that of what is stored.
        decode(encode(content)),
        {
            "company": company and _company_shown(company),
            "contact": contact and _contact_shown(contact, with_address=company is None),
        },
        [name for name in ("company", "contact") if found[name] and found[name]["deleted_at"]],
    )


def _company_shown(company: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: company[name] for name in ("name", "legal_name", "tax_id")}
    return {**plain, "address": _first(company["addresses"])}


def _contact_shown(contact: Mapping[str, Any], *, with_address: bool) -> dict[str, Any]:
    named = " ".join(filter(None, [contact["first_name"], contact["last_name"]]))
    return {
        # Never an e-mail address instead: from many who see quotes those are hidden.
        "name": named or None,
        "title": contact["title"],
        "address": _first(contact["addresses"]) if with_address else None,
    }


def _first(addresses: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    first = addresses[0] if addresses else None
    return next((one for one in addresses if one["primary"]), first)


def hash_of(content: Mapping[str, Any]) -> str:
    """The SHA-256 of a content, in whatever order its names stand."""
    return hashlib.sha256(_encoder.encode(content)).hexdigest()


def diff_of(
    before: Mapping[str, Any], after: Mapping[str, Any], revisions: tuple[int, int]
) -> dict[str, Any]:
    """What is different between two contents; lines are told by their ids."""
    old = {line["id"]: line for line in before["lines"]}
    new = {line["id"]: line for line in after["lines"]}
    changed = [
        {"line_id": UUID(id), "name": line["name"], "fields": fields}
        for id, line in new.items()
        if id in old and (fields := list(_changes(old[id], line)))
    ]
    names = [name for name in _OFFERED if name not in _OF_LINES]
    return {
        "from_revision": revisions[0],
        "to_revision": revisions[1],
        "added": [line for id, line in new.items() if id not in old],
        "removed": [line for id, line in old.items() if id not in new],
        "changed": changed,
        "fields": list(_changes(before, after, names)),
    }


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str] | None = None
) -> Iterable[dict[str, Any]]:
    for name in names or {**before, **after}:
        one, other = before.get(name), after.get(name)
        if one != other and name != "trace":
            yield {"field": name, "before": one, "after": other}


def no_version(id: UUID, revision: int | None) -> NotFound:
    """The error for a version that is not there."""
    which = "was never sent" if revision is None else f"has no version {revision}"
    return NotFound(f"The quote {id} {which}.", code="no_version")


def need_revision(current: int, revision: int | None) -> None:
    """Raises `WrongState` where another version is meant than the one that counts."""
    if revision is not None and revision != current:
        raise WrongState(
            f"It is version {current} that counts, not version {revision}.",
            code="superseded_version",
            details={"revision": current},
        )
