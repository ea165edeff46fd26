"""The rules of contacts and of where they work."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.contacts.models import Contact, Employment
from crm_api.domains.contacts.repository import Contacts, Employments
from crm_api.domains.contacts.schemas import (
    ContactCreate,
    ContactUpdate,
    EmploymentCreate,
    EmploymentUpdate,
)
from crm_api.kit.crud.personal import About, Person
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Invalid
from crm_api.kit.points import keys_of, normalise_points
from crm_api.kit.schema import Create, Update
from crm_api.kit.values.names import sort_key

_MIRRORED = ("company_id", "title", "department")
_NAMES = ("first_name", "middle_name", "last_name")
_NAMING = {*_NAMES, "email"}


class ContactService(CrudService[Contact]):
    """People, and the points at which they are reached."""

    repository = Contacts
    area = "contacts"
    plural = "contacts"
    personal = Person(
        points={"email": "emails", "phone": "phones", "post": "addresses"},
        keeps=frozenset({"lifecycle"}),
        common=frozenset(
            [
                "country",
                "department",
                "language",
                "salutation",
                "source",
                "tags",
                "time_zone",
                "title",
            ]
        ),
    )
    matched = True
    create_shape = ContactCreate
    update_shape = ContactUpdate

    @cached_property
    def employments(self) -> "EmploymentService":
        """Where they work."""
        return EmploymentService(self.tx)

    async def ready(self, ids: Sequence[UUID]) -> None:
        """Also the main employments, which follow their contact."""
        await super().ready(ids)
        await self.employments.records.hold_primaries(ids)

    def add(self, values: dict[str, Any]) -> Any:
        """A new contact, and the employment that its company means."""
        shown = super().add(values)
        if shown.company_id is not None:
            self.employments.mirror(shown)
        return shown

    async def apply(self, current: Contact, given: dict[str, Any]) -> Any:
        """A patch; another company ends the main employment and begins a new one."""
        moved = {name: getattr(current, name) for name in _MIRRORED}
        shown = await super().apply(current, given)
        if any(getattr(shown, name) != value for name, value in moved.items()):
            await self.employments.follow(shown, moved["company_id"])
        return shown

    async def reflect(self, contact_id: UUID, employment: Mapping[str, Any] | None) -> None:
        """Have a contact repeat its main employment, or none."""
        contact = await self.records.find(contact_id, lock=True)
        if contact is not None:
            values = {name: employment[name] if employment else None for name in _MIRRORED}
            await self.change(contact, values)

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Contact | None, country: str | None
    ) -> dict[str, Any]:
        """Normalise contact points."""
        normalise_points(values, current, country)
        return cls.derive(values, current)

    @classmethod
    def derive(cls, values: dict[str, Any], current: Contact | None) -> dict[str, Any]:
        """The shown name and its sort key follow the names."""
        if current is None or not values.keys().isdisjoint(_NAMING):
            values |= _naming(values, current)
        return values

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by e-mail address and phone number."""
        return keys_of(record)


class EmploymentService(CrudService[Employment]):
    """Who works where; the main employment shows on the contact."""

    repository = Employments
    area = "contacts"
    plural = "employments"
    personal = About(("contact_id",), end="removed", reason="Where the person works, or worked.")
    create_shape = EmploymentCreate
    update_shape = EmploymentUpdate
    records: Employments

    @cached_property
    def contacts(self) -> ContactService:
        """Who works there."""
        return ContactService(self.tx)

    async def ready(self, ids: Sequence[UUID]) -> None:
        """Also the contacts, which repeat their main employment."""
        await super().ready(ids)
        held = [self.records.held(id) for id in ids]
        await self.contacts.records.hold([e.contact_id for e in held if e is not None])

    PRIMARY: ClassVar[dict[str, Any]] = {"is_primary": True, "role": None, "ended_on": None}

    async def create(self, data: Create) -> Any:
        """A new employment; a primary one takes the place of the one before."""
        self.need("create")
        values = await self.given(data)
        if values["is_primary"]:
            await self._take_place(values["contact_id"], values)
        return await self.told(self.add(values), new=True)

    async def update(self, id: UUID, data: Update, *, expected_version: int | None = None) -> Any:
        """A merge patch; the contact follows its main employment."""
        self.need("update")
        current = await self.locked(id, expected_version, data.model_fields_set)
        was_primary = current.is_primary
        given = data.model_dump(exclude_unset=True)
        primary = given.get("is_primary", was_primary)
        ends = given.get("ended_on", current.ended_on)
        if ends is not None and primary:
            if "is_primary" in given:
                raise Invalid.at("/is_primary", "ended", "An employment that has ended is not.")
            given["is_primary"] = primary = False
        starts = given.get("started_on", current.started_on)
        if starts is not None and ends is not None and ends < starts:
            raise Invalid.at("/ended_on", "ends_before_start", "It ends after it starts.")
        if primary:
            shown = {name: given.get(name, getattr(current, name)) for name in _MIRRORED}
            await self._take_place(current.contact_id, shown, but=current.id)
        elif was_primary:
            await self.contacts.reflect(current.contact_id, None)
        patch = type(data).model_validate(given)
        return await super().update(id, patch)

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put an employment in the bin; the contact forgets the company if it was the main one."""
        self.need("delete")
        current = await self.locked(id, expected_version, action="delete")
        if current.is_primary:
            await self.contacts.reflect(current.contact_id, None)
        await super().delete(id)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take an employment out of the bin, as a past or secondary one."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        await self.guard.permit([id], "delete")
        if current.deleted_at is not None and current.is_primary:
            await self.change(current, {"is_primary": False})
        return await super().restore(id, expected_version=expected_version)

    def mirror(self, contact: Any) -> None:
        """Store the employment that a contact's company, title and department mean."""
        values = {name: getattr(contact, name) for name in _MIRRORED}
        self.add(
            {
                **self.PRIMARY,
                **values,
                "contact_id": contact.id,
                "started_on": None,
                "custom": {},
                "external_ids": {},
                "owner_id": None,
            }
        )

    async def follow(self, contact: Any, company_before: UUID | None) -> None:
        """Bring the main employment in line with a contact that was changed."""
        current = await self.records.primary_of(contact.id)
        if current is not None and contact.company_id == company_before:
            values = {name: getattr(contact, name) for name in _MIRRORED}
            await self.change(current, values)
            return
        if current is not None:
            await self.change(current, {"is_primary": False, "ended_on": self._last_day(current)})
            await self.tx.flush()
        if contact.company_id is not None:
            self.mirror(contact)

    async def _take_place(
        self, contact_id: UUID, values: Mapping[str, Any], *, but: UUID | None = None
    ) -> None:
        other = await self.records.primary_of(contact_id)
        if other is not None and other.id != but:
            await self.change(other, {"is_primary": False})
            await self.tx.flush()  # the unique index must see one go before the other comes
        await self.contacts.reflect(contact_id, values)

    def _last_day(self, employment: Employment) -> Any:
        today = self.tx.now.date()
        return max(today, employment.started_on or today)


def _naming(values: dict[str, Any], current: Contact | None) -> dict[str, str]:
    after = values
    if current is not None:
        after = {name: getattr(current, name) for name in _NAMING} | values
    first, middle, last = (after.get(name) for name in _NAMES)
    shown = " ".join(filter(None, (first, middle, last))) or after.get("email")
    if not shown:
        raise Invalid.at("", "nameless", "A contact needs a name or an e-mail address.")
    return {
        "name": shown,
        "sort_name": sort_key(" ".join(filter(None, (last, first, middle))) or shown),
    }
