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
from crm_api.kit.values import codes
from crm_api.kit.values.hosts import is_shared
from crm_api.kit.values.names import sort_key

MATCHED = frozenset({"emails", "phones", "company_name", "website"})
_MOST = 20


Asked = Mapping[str, Sequence[str]]
"""Look-up values by kind of key."""


class Matching:
    """Finds the records, as far as whoever asks sees them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, values: Mapping[str, Any], id: UUID | None) -> dict[str, Any]:
        """What a lead of these values is matched with, and who else it may be."""
        return (await self.of_many([(id, values)]))[0]

    async def hold(self, values: Mapping[str, Any]) -> None:
        """Have whoever else holds leads with the same keys wait till the commit."""
        for kind, found in _keys(values).items():
            if found:
                await Leads(self.tx).lock_keys(kind, found)

    async def of_many(
        self, wanted: Sequence[tuple[UUID | None, Mapping[str, Any]]]
    ) -> list[dict[str, Any]]:
        """The same for many leads, by as many statements as for one."""
        asked = [_keys(values) for _, values in wanted]
        points = [{kind: keys[kind] for kind in ("email", "phone")} for keys in asked]
        contacts = Contacts(self.tx)
        people = await holders_of(contacts, points)
        alone = [next(iter(found)) for found in people if len(found) == 1]
        known = {one.id: one for one in await contacts.some(alone)} if alone else {}
        firms = await holders_of(Companies(self.tx), asked)
        leads = await holders_of(Leads(self.tx), points)
        return [
            _told(id, known, person, firm, others)
            for (id, _), person, firm, others in zip(wanted, people, firms, leads, strict=True)
        ]


def _told(
    id: UUID | None,
    known: Mapping[UUID, Any],
    people: Mapping[UUID, str],
    firms: Mapping[UUID, str],
    leads: Mapping[UUID, str],
) -> dict[str, Any]:
    """What records with the same keys, each with the kind of key, come to for one lead."""
    contact = known.get(next(iter(people))) if len(people) == 1 else None
    company = None if contact is None else contact.company_id
    # Whose name alone is the same may be another one.
    sure = {one: by for one, by in firms.items() if by != "name"}
    if company is None and len(sure) == 1:
        company = next(iter(sure))
    taken = {None if contact is None else contact.id, company, id}
    candidates = [
        {"entity": entity, "id": str(one), "by": by}
        for entity, found in (
            ("contact", people),
            ("company", {**sure, **firms}),
            ("lead", leads),
        )
        for one, by in found.items()
        if one not in taken
    ]
    return {
        "matched_contact_id": None if contact is None else contact.id,
        "matched_company_id": company,
        "candidates": candidates[:_MOST],
    }


def _keys(values: Mapping[str, Any]) -> dict[str, list[str]]:
    mails = [email_key(point["value"]) for point in values["emails"]]
    name = values.get("company_name")
    return {
        "domain": _domains(values, mails),
        "email": mails,
        "phone": [point["value"] for point in values["phones"]],
        "name": [] if name is None else [sort_key(name).partition("\x01")[0]],
    }


def domains_of(values: Mapping[str, Any]) -> list[str]:
    """The domains by which a lead, and others of its company, are matched with the company."""
    return _domains(values, [email_key(point["value"]) for point in values["emails"]])


def _domains(values: Mapping[str, Any], mails: Sequence[str]) -> list[str]:
    domains = [mail.rpartition("@")[2] for mail in mails]
    if (site := values.get("website")) is not None:
        domains.append(codes.domain(site))
    return [domain for domain in dict.fromkeys(domains) if domain and not is_shared(domain)]
