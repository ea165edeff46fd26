"""The picture of a customer: what every part of the product knows, in one call."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.domains.customers.declared import Declared
from crm_api.domains.customers.health import Health
from crm_api.domains.customers.observing import Observations
from crm_api.domains.customers.service import ExpectationService, PreferenceService, effective
from crm_api.domains.customers.timeline import Asked, Timeline
from crm_api.domains.deals.people import DealContactService
from crm_api.kit.crud.picturing import Pictured
from crm_api.kit.customer360 import Customer, Section
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid, ModuleClosed

Kind = Literal["company", "contact"]
PARTS = ("people", "preferences", "expectations", "health", "timeline")
_PEOPLE, _ENTRIES, _EXPECTED = 50, 20, 50
_PERSON = ("id", "name", "title", "department", "lifecycle", "email", "phone", "company_id")
_EMPLOYMENT = (
    *("contact_id", "company_id", "title", "department", "role"),
    *("is_primary", "started_on", "ended_on"),
)
_DEAL_ROLE = ("contact_id", "deal_id", "roles", "influence", "sentiment")
_OPEN = {"status": "open"}


class Picture:
    """The pictures of customers, as an actor sees them; so many statements whatever their size."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(
        self,
        kind: Kind,
        id: UUID,
        *,
        sections: Collection[str] = (),
        as_of: datetime | None = None,
    ) -> dict[str, Any]:
        """Everything of a company or a contact, now or at a moment; raises `NotFound`.

        What cannot tell of the past is empty then, and named in `unsupported`.
        """
        wanted = self._wanted(sections)
        service = await Timeline(self.tx).need(kind, id)
        identity = decode(encode(await service.get(id, at=as_of)))
        members = await self._members(kind, id, identity, as_of)
        customer = self._customer(kind, id, members, as_of)
        people = await self._people(members, as_of) if "people" in wanted else None
        chosen = [section for section in Declared.sections if section.name in wanted]
        shown = [one for section in chosen if (one := await self._section(section, customer))]
        timeline = await self._entries(kind, id, as_of) if "timeline" in wanted else None
        health = None
        if kind == "company" and "health" in wanted:
            health = await Health(self.tx).of(id, as_of)
        unsupported = [one["name"] for one in shown if as_of and one["data"] is None]
        return {
            "kind": kind,
            "id": id,
            "as_of": as_of,
            "identity": identity,
            "people": people,
            "preferences": await self._preferences(kind, id, as_of, wanted),
            "expectations": await self._expectations(kind, id, as_of, wanted),
            "sections": shown,
            "health": health,
            "timeline": timeline,
            "unsupported": unsupported,
        }

    def _wanted(self, sections: Collection[str]) -> set[str]:
        known = {*PARTS, *(section.name for section in Declared.sections)}
        for name in sections:
            if name not in known:
                message = f"There are: {', '.join(sorted(known))}."
                raise Invalid.parameter("sections", "unknown_section", message)
        return set(sections) or known

    def _customer(
        self,
        kind: Kind,
        id: UUID,
        people: Sequence[Mapping[str, Any]] | None,
        as_of: datetime | None,
    ) -> Customer:
        if kind == "contact":
            return Customer((), (id,), as_of)
        return Customer((id,), [UUID(str(one["id"])) for one in people or ()], as_of)

    async def _section(self, section: Section, customer: Customer) -> dict[str, Any] | None:
        """What a part shows; None where the actor may not see it, or it is switched off."""
        covers = self.tx.actor.covers
        if not all(covers(f"{area}:read") for area in section.areas):
            return None
        supported = customer.as_of is None or section.as_of
        try:
            data = await section.load(self.tx, customer) if supported else None
        except (Forbidden, ModuleClosed):
            # A field that it goes by is hidden from whoever asks, or a part of it is off.
            return None
        return {
            "name": section.name,
            "group": section.group,
            "department": section.department,
            "as_of_supported": section.as_of,
            "data": data,
        }

    async def _members(
        self, kind: Kind, id: UUID, identity: Mapping[str, Any], as_of: datetime | None
    ) -> list[dict[str, Any]] | None:
        """Who belongs to a company, or the contact itself: what they have is the customer's."""
        if not self.tx.actor.covers("contacts:read"):
            return None
        if kind == "contact":
            return [{name: identity.get(name) for name in _PERSON}]
        return await self._staff(id, as_of)

    async def _people(
        self, people: Sequence[Mapping[str, Any]] | None, as_of: datetime | None
    ) -> list[dict[str, Any]] | None:
        """The same with their employments and roles in deals."""
        if people is None:
            return None
        ids = [str(one["id"]) for one in people]
        employments = await self._of_people(EmploymentService, _EMPLOYMENT, ids, as_of)
        roles = await self._of_people(DealContactService, _DEAL_ROLE, ids, as_of)
        return [
            {
                **one,
                "employments": [e for e in employments if str(e["contact_id"]) == str(one["id"])],
                "deal_roles": [r for r in roles if str(r["contact_id"]) == str(one["id"])],
            }
            for one in people
        ]

    async def _staff(self, id: UUID, as_of: datetime | None) -> list[dict[str, Any]]:
        def then(values: Mapping[str, Any]) -> bool:
            return str(values["company_id"]) == str(id)

        pictured = Pictured(ContactService, {}, then, contact=None)
        customer = Customer((id,), (), as_of)
        if as_of is None:
            rows, _ = await pictured.rows(self.tx, customer, _PERSON, _PEOPLE)
        else:
            rows, _ = await pictured.rows_then(self.tx, customer, as_of)
        return [{name: getattr(row, name) for name in _PERSON} for row in rows[:_PEOPLE]]

    async def _of_people(
        self, kind: Any, fields: Sequence[str], ids: Sequence[str], as_of: datetime | None
    ) -> list[dict[str, Any]]:
        service = kind(self.tx)
        if not ids or not self.tx.actor.covers(f"{service.area}:read"):
            return []
        customer = Customer((), [UUID(id) for id in ids], as_of)
        pictured = Pictured(kind, {}, lambda _: True, company=None)
        if as_of is None:
            rows, _ = await pictured.rows(self.tx, customer, fields, 200)
        else:
            rows, _ = await pictured.rows_then(self.tx, customer, as_of)
        return [decode(encode({f: getattr(row, f) for f in fields})) for row in rows]

    async def _preferences(
        self, kind: Kind, id: UUID, as_of: datetime | None, wanted: set[str]
    ) -> list[dict[str, Any]] | None:
        if "preferences" not in wanted:
            return None
        seen = await Observations(self.tx).of(kind, id, as_of)
        if as_of is None:
            ends: dict[str, Any] = {f"{kind}_id": id}
            return await PreferenceService(self.tx).effective(**ends, seen=seen)
        pictured = Pictured(PreferenceService, {}, lambda _: True)
        rows, _ = await pictured.rows_then(self.tx, self._customer(kind, id, None, as_of), as_of)
        day = as_of.astimezone(ZoneInfo(self.tx.actor.time_zone)).date()
        return effective(rows, day.isoformat(), seen)

    async def _expectations(
        self, kind: Kind, id: UUID, as_of: datetime | None, wanted: set[str]
    ) -> list[Any] | None:
        if "expectations" not in wanted:
            return None
        pictured = Pictured(ExpectationService, _OPEN, lambda values: values["status"] == "open")
        customer = self._customer(kind, id, None, as_of)
        if as_of is not None:
            return (await pictured.rows_then(self.tx, customer, as_of))[0]
        shown = ExpectationService.repository.listing.shown
        return (await pictured.rows(self.tx, customer, shown, _EXPECTED))[0]

    async def _entries(
        self, kind: Kind, id: UUID, as_of: datetime | None
    ) -> list[dict[str, Any]] | None:
        if as_of is None:
            return await Timeline(self.tx).read(kind, id, Asked(), None, _ENTRIES)
        found = await Timeline(self.tx).read(kind, id, Asked(end=as_of), None, _ENTRIES)
        # The records are shown as they are now, so what they say of themselves is not told.
        plain = ("id", "collection", "target")
        return [
            {**one, "record": {n: v if n in plain else None for n, v in one["record"].items()}}
            for one in found
        ]
