"""Who has sent a message: a contact by their address, else a company by its domain."""

from dataclasses import dataclass, field
from uuid import UUID

from crm_api.domains.contacts.repository import with_point
from crm_api.domains.contacts.service import ContactService
from crm_api.domains.conversations.repository import Messages
from crm_api.kit.db.tx import Tx
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue
from crm_api.kit.values.hosts import is_shared


@dataclass(frozen=True)
class Sender:
    """Who it was, as far as that is known."""

    contact_id: UUID | None = None
    company_id: UUID | None = None
    owner_id: UUID | None = None
    """Who is responsible for the contact."""
    candidates: list[str] = field(default_factory=list[str])


async def sender_of(tx: Tx, channel: str, key: str | None) -> Sender:
    """The contact that alone has an address; of several none, and they are named."""
    if key is None:
        return Sender()
    messages = Messages(tx)
    found = await with_point(tx, "email" if channel == "email" else "phone", key)
    if len(found) == 1:
        return Sender(found[0]["id"], found[0]["company_id"], found[0]["owner_id"])
    companies = {row["company_id"] for row in found}
    if found:
        shared = companies.pop() if len(companies) == 1 else None
        return Sender(None, shared, candidates=[str(row["id"]) for row in found])
    domain = key.rpartition("@")[2] if channel == "email" else ""
    known = domain and not is_shared(domain)
    return Sender(None, await messages.company_of(domain) if known else None)


async def mark_bounced(tx: Tx, contact_id: UUID, address: str) -> bool:
    """Have a contact's address count as one that takes no mail; whether there was such."""
    try:
        key = email_key(address)
    except BadValue:
        return False
    contacts = ContactService(tx)
    for contact in await contacts.records.locked([contact_id], everywhere=True):
        points = [_marked(point, key) for point in contact.emails]
        if points != contact.emails:
            await contacts.change(contact, {"emails": points})
            return True
    return False


def _marked(point: dict[str, object], key: str) -> dict[str, object]:
    is_it = email_key(str(point["value"])) == key and point["status"] == "ok"
    return {**point, "status": "bounced"} if is_it else point
