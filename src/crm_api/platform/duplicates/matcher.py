"""What a domain says about telling its records apart; the service does the rest."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

from crm_api.kit.crud.service import CrudService
from crm_api.kit.values import email
from crm_api.kit.values.names import fold, spelling
from crm_api.platform.duplicates.model.blocking import Rule
from crm_api.platform.duplicates.model.records import Field, Profile

Record = Mapping[str, Any]
Words = tuple[str, ...]


class Matcher:
    """How two records of one kind are told to be one."""

    service: ClassVar[type[CrudService[Any]]]
    fields: ClassVar[tuple[Field, ...]]
    """What is compared."""
    rules: ClassVar[tuple[Rule, ...]]
    """Which records are worth it, over the fields and whatever else a profile has."""
    reads: ClassVar[tuple[str, ...]]
    """The columns of which a profile is made, beside `id` and `custom`."""
    unique: ClassVar[tuple[str, ...]] = ()
    """Fields of which an equal value alone makes a duplicate certain, unless the policy differs."""

    @property
    def entity(self) -> str:
        """The record's word, such as `contact`."""
        return self.service.repository.listing.entity

    def profile(self, record: Record) -> Profile:
        """What is compared of a record, normalised."""
        raise NotImplementedError

    def searches(self, profile: Profile) -> Sequence[Words]:
        """Words that records like it have together; a colon ends one that is only a beginning."""
        raise NotImplementedError

    def keys(self, record: Record) -> Iterable[tuple[str, str]]:
        """The look-up keys under which records like it stand."""
        for kind, value in self.service.keys(record):
            yield kind, value
            if kind == "email":
                box = email.mailbox(value)
                yield from (("email", box), ("mailbox", box))


def points(record: Record, *, offices: bool) -> dict[str, tuple[str, ...]]:
    """The e-mail addresses, phone numbers and postal addresses of a record, to be compared.

    `offices` says whether `info@…` tells who it is: a company, but no person.
    """
    keys = [email.normalise(point["value"]).key for point in record["emails"]]
    mailboxes = [email.mailbox(key) for key in keys if offices or not email.is_role(key)]
    addresses: Sequence[Mapping[str, Any]] = record["addresses"]
    return {
        "email": _distinct(mailboxes),
        "email_user": _distinct(box.partition("@")[0] for box in mailboxes),
        "phone": _distinct(_digits(point["value"]) for point in record["phones"]),
        "street": _distinct(spelling(a["street"]) for a in addresses if a.get("street")),
        "city": _distinct(spelling(a["city"]) for a in addresses if a.get("city")),
        "postal_code": _distinct(
            fold(a["postal_code"]).replace(" ", "") for a in addresses if a.get("postal_code")
        ),
    }


def _digits(e164: str) -> str:
    """A phone number without the plus and the extension."""
    return e164.partition(";")[0].lstrip("+")


def unmasked(record: Record, hidden: Collection[str]) -> Record:
    """A record without what is hidden of it: nothing is compared with that."""
    if not hidden:
        return record
    closed = {*hidden, *(field for field, short in _SHORT.items() if short in hidden)}
    custom: Record = record["custom"] or {}
    left = {name: value for name, value in custom.items() if f"custom.{name}" not in closed}
    return {
        name: value if name not in closed else [] if isinstance(value, list) else None
        for name, value in {**record, "custom": left}.items()
    }


_SHORT = {"emails": "email", "phones": "phone"}
"""Fields of which the first one shows by itself."""


def custom_profile(record: Record, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Fields of the organization's own, as text."""
    found: Record = record["custom"] or {}
    return {f"custom.{name}": _texts(found.get(name)) for name in names}


def _texts(value: Any) -> tuple[str, ...]:
    if value is None or isinstance(value, bool):
        return ()
    values = cast("Sequence[Any]", value if isinstance(value, list) else [value])
    return _distinct(fold(str(item)) for item in values)


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, values)))
