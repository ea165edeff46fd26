"""Mailings filled in for contacts: many at once, by statements that do not grow with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from crm_api.domains.mailings.contents import ORGANIZATION, PARTS, RECORDS, UNSUBSCRIBE, chosen
from crm_api.domains.mailings.wording import Texts
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.templates import Sandboxed

_ORGANIZATION = f"SELECT {', '.join(ORGANIZATION)} FROM organizations WHERE id = $1"  # noqa: S608


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
    given = {**values, UNSUBSCRIBE: unsubscribe}
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
    texts = Texts(subject[:900], made["text"] or "", made["html"])
    return Filled(texts, content["variant"], content["language"])


@lru_cache(maxsize=256)
def _template(source: str, is_html: bool) -> Sandboxed:  # noqa: FBT001 - the key of the cache
    return Sandboxed(source, html=is_html)
