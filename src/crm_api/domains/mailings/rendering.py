"""Mailings filled in for contacts: many at once, by statements that do not grow with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_origin
from uuid import UUID

from crm_api.domains.mailings.contents import ORGANIZATION, PARTS, RECORDS, UNSUBSCRIBE, chosen
from crm_api.domains.mailings.wording import Texts
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.templates import Sandboxed

_ORGANIZATION = f"SELECT {', '.join(ORGANIZATION)} FROM organizations WHERE id = $1"  # noqa: S608


EXAMPLE_LINK = "https://example.com/unsubscribe"
"""What stands for the link to unsubscribe where nothing is sent."""


class NotFilled(Exception):
    """A mailing that says nothing to somebody: the code of the reason, and the reason."""

    def __init__(self, code: str, message: str, at: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.at = code, message, at


@dataclass(frozen=True)
class Filled:
    """What is said to somebody, and by which content."""

    texts: Texts
    variant: str | None
    language: str | None


class Fields:
    """What is known of contacts, as far as the actor sees them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self._contacts: dict[UUID, dict[str, Any]] = {}
        self._companies: dict[UUID, dict[str, Any]] = {}
        self._organization: dict[str, Any] = {}

    async def read(self, ids: Sequence[UUID]) -> None:
        """Have those of these contacts at hand."""
        self._contacts = await self._some("contact", ids)
        companies = {one["company_id"] for one in self._contacts.values() if one["company_id"]}
        self._companies = await self._some("company", sorted(map(UUID, companies)))
        (found,) = await self.tx.fetch(_ORGANIZATION, self.tx.organization_id)
        self._organization = dict(found)

    async def _some(self, root: str, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        found = await service_of(self.tx, RECORDS[root]).many(ids) if ids else {}
        return {id: decode(encode(one)) for id, one in found.items()}

    def language(self, contact_id: UUID) -> str | None:
        """The contact's, else the organization's."""
        own = self._contacts.get(contact_id, {}).get("language")
        return own or self._organization["language"]

    @property
    def known(self) -> list[UUID]:
        """Those that were read and are there."""
        return sorted(self._contacts)

    def blank(self) -> dict[str, Any]:
        """What templates are filled with for a contact of whom nothing is known."""
        some = {root: _blank(service_of(self.tx, of)) for root, of in RECORDS.items()}
        return {**some, "organization": self._organization}

    def values(self, contact_id: UUID) -> dict[str, Any]:
        """What templates are filled with; raises `NotFilled` for who is not there."""
        contact = self._contacts.get(contact_id)
        if contact is None:
            raise NotFilled("unknown_person", "There is no such contact.")
        company = contact.get("company_id")
        return {
            "contact": contact,
            "company": self._companies.get(UUID(company), {}) if company else {},
            "organization": self._organization,
        }


def _blank(service: Any) -> dict[str, Any]:
    fields = service.records.listing.out.model_fields
    kinds = {name: get_origin(field.annotation) for name, field in fields.items()}
    return {name: kind() if kind in {list, dict} else None for name, kind in kinds.items()}


def filled(
    contents: Sequence[Mapping[str, Any]],
    values: Mapping[str, Any],
    variant: str | None,
    language: str | None,
    unsubscribe: str,
) -> Filled:
    """What is said to somebody; raises `NotFilled`."""
    place = chosen(contents, variant, language)
    if place is None:
        raise NotFilled("no_content", "No content is for this variant.", "/contents")
    content = contents[place]
    texts = _said(content, place, {**values, UNSUBSCRIBE: unsubscribe})
    return Filled(texts, content["variant"], content["language"])


def _said(content: Mapping[str, Any], place: int, given: Mapping[str, Any]) -> Texts:
    made: dict[str, str | None] = {}
    for name, is_html in PARTS.items():
        try:
            source = content[name]
            made[name] = None if source is None else _template(source, is_html).filled(given)
        except ValueError as error:
            raise NotFilled("template", str(error), f"/contents/{place}/{name}") from None
    subject = " ".join((made["subject"] or "").split())
    if not subject or not (made["text"] or "").strip():
        at = f"/contents/{place}/{'text' if subject else 'subject'}"
        raise NotFilled("empty", "Nothing is left of it.", at)
    return Texts(subject[:900], made["text"] or "", made["html"])


async def tried(
    tx: Tx, contents: Sequence[Mapping[str, Any]], people: Sequence[UUID]
) -> list[NotFilled]:
    """What is wrong with contents, each filled in for some contacts and for one without values.

    Of whom nothing is known may be nothing left to say; for the others each of them says something.
    """
    fields = Fields(tx)
    await fields.read(people)
    those = [(True, fields.blank()), *((False, fields.values(id)) for id in fields.known)]
    found: dict[str | None, NotFilled] = {}
    for place, content in enumerate(contents):
        for is_blank, values in those:
            try:
                _said(content, place, {**values, UNSUBSCRIBE: EXAMPLE_LINK})
            except NotFilled as error:
                if not (is_blank and error.code == "empty"):
                    said = f"{_named(content)}{error.message}"
                    found.setdefault(error.at, NotFilled(error.code, said, error.at))
    return list(found.values())


def _named(content: Mapping[str, Any]) -> str:
    parts = [f"{name} {content[name]}" for name in ("variant", "language") if content[name]]
    return f"For {', '.join(parts)}: " if parts else ""


@lru_cache(maxsize=256)
def _template(source: str, is_html: bool) -> Sandboxed:  # noqa: FBT001 - the key of the cache
    return Sandboxed(source, html=is_html)
