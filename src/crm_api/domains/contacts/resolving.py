"""Who is meant by what is known of a person."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.repository import name_key
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.schemas import ContactIdentifiers
from crm_api.domains.contacts.service import ContactService
from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.index import external_key
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.values import email, phone
from crm_api.kit.values.errors import BadValue
from crm_api.kit.values.names import name_parts
from crm_api.platform.duplicates.identifying import Known, identified

_TARGET = "contact"
_NAMES = ("name", "first_name", "middle_name", "last_name", "preferred_name")
# What an identifier is compared with.
_TOLD_BY = {
    "external_ids": ("external_ids",),
    "emails": ("emails", "email"),
    "phones": ("phones", "phone"),
    **dict.fromkeys(("name", "first_name", "middle_name", "last_name"), _NAMES),
    "birth_date": ("birth_date",),
    **dict.fromkeys(("company_id", "company", "domain"), ("company_id",)),
}
_ALONE = ("external_ids", "emails", "phones", "name", "first_name", "last_name")


class ContactResolver:
    """Identifies people; nothing is stored."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self._contacts = ContactService(tx)
        self._companies = CompanyService(tx)

    async def resolve(self, data: ContactIdentifiers) -> dict[str, Any]:
        """The likeliest contact and the others, with what tells it, as far as the actor sees them.

        Raises `Forbidden` where one is identified by what is hidden, `Invalid` where nothing is
        given that a person is found by.
        """
        self._contacts.need("read")
        if not any(getattr(data, name) for name in _ALONE):
            message = "Give an id, an e-mail address, a phone number or a name."
            raise Invalid.at("", "nothing_to_identify_by", message)
        self._need_open(data)
        found = await identified(self.tx, _TARGET, await self._known(data), least=data.min_score)
        rows = await self._contacts.many([verdict.right for verdict in found])
        told = [{"contact": rows[v.right], **v.told} for v in found if v.right in rows]
        return {"match": told[0] if told else None, "alternatives": told[1:]}

    def _need_open(self, data: ContactIdentifiers) -> None:
        """Nobody finds out by guessing what is hidden."""
        given = [name for name in _TOLD_BY if getattr(data, name)]
        hidden = self.tx.actor.hidden(_TARGET)
        for name in given:
            for field in _TOLD_BY[name]:
                if field in hidden:
                    raise hidden_field(field, f"/{name}")
        masked = self.tx.actor.hidden("company")
        for name, field in (("company", "name"), ("domain", "domains")):
            if name in given and field in masked:
                raise hidden_field(field, f"/{name}")

    async def _known(self, data: ContactIdentifiers) -> Known:
        country = data.country or self.tx.actor.country
        names = {name: getattr(data, name) for name in ("first_name", "middle_name", "last_name")}
        if data.name is not None:
            names |= name_parts(data.name, None)
        values: dict[str, Any] = {
            **names,
            "preferred_name": None,
            "birth_date": data.birth_date,
            "company_id": None,
            "emails": list(_points("emails", data.emails, lambda raw: email.normalise(raw).value)),
            "phones": list(
                _points("phones", data.phones, lambda raw: phone.normalise(raw, country))
            ),
            "addresses": [],
            "custom": {},
        }
        ids = await self._employers(data)
        external = [external_key(source, id) for source, id in data.external_ids.items()]
        return Known(values, external, {"company": tuple(map(str, ids))} if ids else {})

    async def _employers(self, data: ContactIdentifiers) -> Sequence[UUID]:
        """The companies that are meant: by their id, else their domain, else their name."""
        if data.company_id is not None:
            return [data.company_id]
        keys = [("domain", data.domain)] if data.domain else []
        keys += [("name", name_key(data.company))] if data.company else []
        if keys:
            self._companies.need("read")
        for kind, value in keys:
            found = await self._companies.records.by_keys(kind, [value])
            if found:
                return found[value]
        return []


def _points(
    field: str, values: Sequence[str], normalise: Callable[[str], str]
) -> Iterator[dict[str, str]]:
    for place, value in enumerate(values):
        try:
            yield {"value": normalise(value)}
        except BadValue as error:
            raise Invalid.at(f"/{field}/{place}", error.code, str(error)) from None
