"""Who a lead may be already: contacts, companies and leads with the same keys."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.repository import Companies
from crm_api.domains.contacts.repository import Contacts
from crm_api.domains.leads.repository import Leads
from crm_api.kit.crud.holders import holders_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.points import email_key
from crm_api.kit.values.names import sort_key

MATCHED = frozenset({"emails", "phones", "company_name", "website"})
_MOST = 20
# Of whoever writes from there nothing is known by the domain.
_FREE = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com"),
        *("icloud.com", "me.com", "aol.com", "gmx.de", "gmx.net", "web.de", "proton.me"),
        *("protonmail.com", "mail.ru", "yandex.ru", "yandex.com", "bk.ru", "inbox.ru", "list.ru"),
    )
)


class Matching:
    """Finds the records, as far as whoever asks sees them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self._candidates: dict[UUID, dict[str, str]] = {}

    async def of(self, values: Mapping[str, Any], id: UUID | None) -> dict[str, Any]:
        """What a lead of these values is matched with, and who else it may be."""
        mails = [email_key(point["value"]) for point in values["emails"]]
        phones = [point["value"] for point in values["phones"]]
        keys = {"email": mails, "phone": phones}
        contact = await self._contact(keys)
        company = None if contact is None else contact.company_id
        by_domain = await self._companies(values, mails, keys)
        if company is None and len(by_domain) == 1:
            company = by_domain[0]
        others = await holders_of(Leads(self.tx), keys)
        self._note("lead", {one: by for one, by in others.items() if one != id})
        contact_id = None if contact is None else contact.id
        for taken in (contact_id, company):
            if taken is not None:
                self._candidates.pop(taken, None)
        return {
            "matched_contact_id": contact_id,
            "matched_company_id": company,
            "candidates": list(self._candidates.values())[:_MOST],
        }

    async def _contact(self, keys: Mapping[str, Sequence[str]]) -> Any:
        contacts = Contacts(self.tx)
        found = await holders_of(contacts, keys)
        self._note("contact", found)
        if len(found) != 1:
            return None
        (one,) = await contacts.some(list(found)) or (None,)
        return one

    async def _companies(
        self, values: Mapping[str, Any], mails: Sequence[str], keys: Mapping[str, Sequence[str]]
    ) -> list[UUID]:
        """Those that are surely its company, if it is one; the others are noted."""
        name = values.get("company_name")
        names = [] if name is None else [sort_key(name).partition("\x01")[0]]
        wanted = {"domain": _domains(values, mails), **keys, "name": names}
        held = await holders_of(Companies(self.tx), wanted)
        found = {one: by for one, by in held.items() if by != "name"}
        self._note("company", found)
        self._note("company", {one: by for one, by in held.items() if by == "name"})
        return list(found)

    def _note(self, entity: str, found: Mapping[UUID, str]) -> None:
        for one, by in found.items():
            self._candidates[one] = {"entity": entity, "id": str(one), "by": by}


def _domains(values: Mapping[str, Any], mails: Sequence[str]) -> list[str]:
    domains = [mail.rpartition("@")[2] for mail in mails]
    if (site := values.get("website")) is not None:
        host = site.partition("://")[2].partition("/")[0].partition(":")[0]
        domains.append(host.removeprefix("www."))
    return [domain for domain in dict.fromkeys(domains) if domain and domain not in _FREE]
