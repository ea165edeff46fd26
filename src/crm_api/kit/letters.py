"""Letters that a transaction has sent after its commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.kit.messages import Message
from crm_api.kit.secrets import Keyring, Place


@dataclass(frozen=True)
class SendLetter(Message):
    """Send what a template makes of values, which may be secret and are sealed until then."""

    kind = "mail.send"
    letter_id: UUID
    template: str
    to: str
    user_id: UUID
    """Whose language it is written in; of whoever is no member the organization's."""
    sealed: str


def post(tx: Tx, template: str, to: str, user_id: UUID, values: Mapping[str, str]) -> UUID:
    """Have a letter sent if and only if the transaction commits; its id."""
    id = new_id()
    sealed = tx.database.secrets.seal(encode(dict(values)).decode(), _place(tx.organization_id, id))
    tx.enqueue(SendLetter(id, template, to, user_id, sealed))
    return id


def values_of(secrets: Keyring, organization_id: UUID, letter: SendLetter) -> dict[str, str]:
    """What the template is filled with."""
    return decode(secrets.open(letter.sealed, _place(organization_id, letter.letter_id)))


def _place(organization_id: UUID, id: UUID) -> Place:
    return Place(organization_id, "jobs", "args", id)
