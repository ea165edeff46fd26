"""What is done with people beyond their fields: they change their job."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.schemas import JobChange
from crm_api.domains.contacts.service import EmploymentService
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.points import primary_of, with_primary


class ContactActions:
    """Acts on people."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self._employments = EmploymentService(tx)
        self._contacts = self._employments.contacts

    async def change_job(
        self, id: UUID, data: JobChange, expected_version: int | None = None
    ) -> Any:
        """End the main employment on the day before, and begin another one.

        Raises `NotFound`, `Stale`, `Forbidden`, and `Invalid` where nothing changes, the company is
        not there or the employment before began later.
        """
        contacts = self._contacts
        contacts.need("update")
        given = data.model_dump(include={"company_id", "title", "department"})
        contacts.guard.fields({*given, *(("emails",) if data.retires_emails else ())})
        contact = await contacts.locked(id, expected_version)
        before = contact.company_id
        if data.company_id == before:
            message = "That is where the person works; another title is a patch."
            raise Invalid.at("/company_id", "same_company", message)
        await contacts.guard.refer(given)
        day = data.on or today_of(self.tx)
        await self._end(id, day)
        if data.company_id is not None:
            own: dict[str, Any] = {"contact_id": id, "role": data.role, "started_on": day}
            empty: dict[str, Any] = {"owner_id": None, "custom": {}, "external_ids": {}}
            self._employments.add({**EmploymentService.PRIMARY, **given, **own, **empty})
        values: dict[str, Any] = dict(given)
        if data.retires_emails and before is not None:
            values |= _retired(contact.emails, await self._domains(before))
            # Whoever has no name is called by their address.
            values = contacts.derive(values, contact)
        told = {"company_before_id": before, "on": day}
        return await contacts.told(
            await contacts.change(contact, values, verb="changed_job", told=told)
        )

    async def _end(self, contact_id: UUID, day: date) -> None:
        current = await self._employments.records.primary_of(contact_id)
        if current is None:
            return
        last = day - timedelta(days=1)
        if current.started_on is not None and last < current.started_on:
            message = "The employment before began later."
            raise Invalid.at("/on", "ends_before_start", message)
        await self._employments.change(current, {"is_primary": False, "ended_on": last})
        await self.tx.flush()  # the unique index must see one go before the other comes

    async def _domains(self, company_id: UUID) -> Sequence[str]:
        found = await CompanyService(self.tx).records.some([company_id])
        return [domain for company in found for domain in company.domains]


def _retired(emails: Sequence[dict[str, Any]], domains: Sequence[str]) -> dict[str, Any]:
    """The addresses at some domains are used no more; another one is the primary one."""
    gone = [point["value"].rpartition("@")[2] in domains for point in emails]
    if not any(gone):
        return {}
    kept = [
        {**point, "status": "invalid", "primary": False} if is_gone else point
        for point, is_gone in zip(emails, gone, strict=True)
    ]
    # What is still used comes first, so that it is the one where the primary one is gone.
    kept.sort(key=lambda point: point["status"] == "invalid")
    points = with_primary(kept, "emails")
    return {"emails": points, "email": primary_of(points)}
