"""Letters that a transaction has sent after its commit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.kit.messages import Message
from crm_api.kit.secrets import Keyring, Place
from crm_api.kit.tokens import Opaque, derived_secret, parse, same

_KIND = "optout"
UNSUBSCRIBE: Mapping[str, str] = {"en": "Unsubscribe", "de": "Abmelden", "ru": "Отписаться"}
"""What links to unsubscribe are called, by language."""


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
    person_id: UUID | None = None
    """Whoever is written to by leave of the gate of outreach, with the kind of their record and what
    for: once at most, and with a link that takes it back."""
    target: str | None = None
    purpose: str | None = None


@dataclass(frozen=True)
class OptOut:
    """What a link in a letter takes back: that somebody is written to for a purpose."""

    person_id: UUID
    target: str
    purpose: str
    address: str = ""
    """The keyed hash of the address that was written to, whoever has it later."""

    def url(self, key: bytes, public_url: str, organization_id: UUID) -> str:
        """Where one does that, by a look or by one click (RFC 8058); nothing of it is stored."""
        ids = (organization_id, self.person_id)
        token = Opaque(_KIND, ids, self._secret(key, organization_id))
        about = {"target": self.target, "purpose": self.purpose, "address": self.address}
        said = urlencode(about)
        return f"{public_url.rstrip('/')}/public/outreach/unsubscribe/{token}?{said}"

    @classmethod
    def read(
        cls, key: bytes, token: str, target: str, purpose: str, address: str
    ) -> tuple[UUID, Self] | None:
        """The organization, and what it is; None where the link was made up."""
        found = parse(token, _KIND, 2)
        if found is None:
            return None
        organization_id, person_id = found.ids
        made = cls(person_id, target, purpose, address)
        is_ours = same(found.secret, made._secret(key, organization_id))
        return (organization_id, made) if is_ours else None

    def _secret(self, key: bytes, organization_id: UUID) -> str:
        said = f"{organization_id} {self.person_id} {self.target} {self.purpose} {self.address}"
        return derived_secret(key, "outreach unsubscribe", said)


def post(
    tx: Tx,
    template: str,
    to: str,
    user_id: UUID,
    values: Mapping[str, str],
    *,
    opt_out: OptOut | None = None,
) -> UUID:
    """Have a letter sent if and only if the transaction commits; its id.

    One with an `opt_out` arrives once at most, also where its worker dies.
    """
    id = new_id()
    sealed = tx.database.secrets.seal(encode(dict(values)).decode(), _place(tx.organization_id, id))
    letter = SendLetter(id, template, to, user_id, sealed)
    if opt_out is not None:
        whom, target, purpose = opt_out.person_id, opt_out.target, opt_out.purpose
        letter = replace(letter, person_id=whom, target=target, purpose=purpose)
    tx.enqueue(letter)
    return id


def opt_out_of(letter: SendLetter) -> OptOut | None:
    """What the link of a letter takes back, if it has one."""
    if letter.person_id is None or letter.target is None or letter.purpose is None:
        return None
    return OptOut(letter.person_id, letter.target, letter.purpose)


def values_of(secrets: Keyring, organization_id: UUID, letter: SendLetter) -> dict[str, str]:
    """What the template is filled with."""
    return decode(secrets.open(letter.sealed, _place(organization_id, letter.letter_id)))


def _place(organization_id: UUID, id: UUID) -> Place:
    return Place(organization_id, "jobs", "args", id)
