"""Who a lead may be already: contacts, companies and leads with the same keys."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.repository import Companies
from crm_api.domains.contacts.repository import Contacts
from crm_api.domains.leads.repository import Leads
from crm_api.kit.db.tx import Tx
from crm_api.kit.points import email_key
from crm_api.kit.values.names import sort_key

MATCHED = frozenset({"emails", "phones", "company_name", "website"})
_MOST = 20
# Of whoever writes from there nothing is known by the domain.
FREE_DOMAINS = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com"),
        *("icloud.com", "me.com", "aol.com", "gmx.de", "gmx.net", "web.de", "proton.me"),
        *("protonmail.com", "mail.ru", "yandex.ru", "yandex.com", "bk.ru", "inbox.ru", "list.ru"),
    )
)


Asked = Mapping[str, Sequence[str]]
"""Look-up values by kind of key."""


class Matching:
    """Finds the records, as far as whoever asks sees them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, values: Mapping[str, Any], id: UUID | None) -> dict[str, Any]:
        """What a lead of these values is matched with, and who else it may be."""
        return (await self.of_many([(id, values)]))[0]

    async def of_many(
        self, wanted: Sequence[tuple[UUID | None, Mapping[str, Any]]]
    ) -> list[dict[str, Any]]:
        """The same for many leads, by as many statements as for one."""
        asked = [_keys(values) for _, values in wanted]
        points = [{kind: keys[kind] for kind in ("email", "phone")} for keys in asked]
        contacts = Contacts(self.tx)
        people = await _holders(contacts, points)
        alone = [next(iter(found)) for found in people if len(found) == 1]
        known = {one.id: one for one in await contacts.some(alone)} if alone else {}
        firms = await _holders(Companies(self.tx), asked, but=("name",))
        named = await _holders(Companies(self.tx), [{"name": keys["name"]} for keys in asked])
        leads = await _holders(Leads(self.tx), points)
        return [
            _told(id, known, person, firm, by_name, others)
            for (id, _), person, firm, by_name, others in zip(
                wanted, people, firms, named, leads, strict=True
            )
        ]


def _told(
    id: UUID | None,
    known: Mapping[UUID, Any],
    people: Mapping[UUID, str],
    firms: Mapping[UUID, str],
    named: Mapping[UUID, str],
    leads: Mapping[UUID, str],
) -> dict[str, Any]:
    """What records with the same keys, each with the kind of key, come to for one lead."""
    contact = known.get(next(iter(people))) if len(people) == 1 else None
    company = None if contact is None else contact.company_id
    if company is None and len(firms) == 1:
        company = next(iter(firms))
    taken = {None if contact is None else contact.id, company, id}
    candidates = [
        {"entity": entity, "id": str(one), "by": by}
        for entity, found in (
            ("contact", people),
            ("company", {**named, **firms}),
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


async def _holders(
    records: Any, asked: Sequence[Asked], *, but: Sequence[str] = ()
) -> list[dict[UUID, str]]:
    """For each that asks, by record which of its keys it has."""
    found: list[dict[UUID, str]] = [{} for _ in asked]
    for kind in dict.fromkeys(kind for keys in asked for kind in keys):
        values = list(dict.fromkeys(value for keys in asked for value in keys.get(kind, ())))
        if not values or kind in but:
            continue
        by_value = await records.by_keys(kind, values)
        for own, keys in zip(found, asked, strict=True):
            for value in keys.get(kind, ()):
                for id in by_value.get(value, ()):
                    own.setdefault(id, kind)
    return found


def _keys(values: Mapping[str, Any]) -> dict[str, list[str]]:
    mails = [email_key(point["value"]) for point in values["emails"]]
    name = values.get("company_name")
    return {
        "domain": _domains(values, mails),
        "email": mails,
        "phone": [point["value"] for point in values["phones"]],
        "name": [] if name is None else [sort_key(name).partition("\x01")[0]],
    }


def _domains(values: Mapping[str, Any], mails: Sequence[str]) -> list[str]:
    domains = [mail.rpartition("@")[2] for mail in mails]
    if (site := values.get("website")) is not None:
        host = site.partition("://")[2].partition("/")[0].partition(":")[0]
        domains.append(host.removeprefix("www."))
    return [domain for domain in dict.fromkeys(domains) if domain and domain not in FREE_DOMAINS]
