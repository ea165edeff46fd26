"""How what was sent by a form becomes a lead, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from crm_api.domains.leads.schemas import LeadCreate
from crm_api.domains.leads.service import LeadService
from crm_api.domains.leads.states import ENDED
from crm_api.domains.prospects.answering import given_by
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService
from crm_api.domains.prospects.models import LeadForm, LeadSubmission
from crm_api.kit.custom.catalogue import CustomFields
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError
from crm_api.kit.links.paging import filled
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue
from crm_api.platform.outreach.schemas import ConsentInput
from crm_api.platform.outreach.service import ConsentService


@dataclass(frozen=True)
class Captured:
    """The lead that something became."""

    id: UUID
    is_new: bool


class Capture:
    """Makes leads; somebody who has an open one already goes on with it."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.leads = LeadService(tx)

    async def take(self, data: LeadCreate) -> Captured:
        """The open lead that has the address, which stays as it is, or a new one.

        Of many who send the same address at once one makes it. Strangers change nothing of a lead
        that is there: anybody can type in an address.
        """
        keys = [_key(address) for address in _addresses(data)]
        if keys:
            await self.leads.records.lock_keys("email", keys)
            found = await self.leads.records.by_keys("email", keys)
            ids = {id for held in found.values() for id in held}
            known = await self.leads.records.some(list(ids))
            open_ones = sorted(one.id for one in known if one.status not in ENDED)
            if open_ones:
                return Captured(open_ones[-1], is_new=False)
        made = await self.leads.create(data)
        return Captured(made.id, is_new=True)

    async def accept(self, form: LeadForm, sent: LeadSubmission) -> Any:
        """Have what was sent by a form, which is locked, be a lead; or say why it cannot be.

        What was agreed to is written down with the version of its words.
        """
        submissions = LeadSubmissionService(self.tx)
        id, form_id = sent.id, form.id
        try:
            async with self.tx.atomic():
                captured = await self.take(
                    lead_of(form, sent.answers, _told(sent), self.leads.fields)
                )
                await self._consent(form, sent, captured.id)
        except CrmError as error:
            if error.status >= 500:
                raise
            # What was loaded before the part that is undone has to be read again.
            await LeadFormService(self.tx).records.locked([form_id], everywhere=True)
            (sent,) = await submissions.records.locked([id], everywhere=True)
            reasons = [*sent.reasons, _why(error)]
            values: dict[str, Any] = {"status": "refused", "reasons": reasons}
            return await submissions.change(sent, values, verb="refused")
        values = {
            "status": "accepted",
            "lead_id": captured.id,
            "is_new_lead": captured.is_new,
        }
        if sent.confirm_until is not None:
            values["confirmed_at"] = self.tx.now
        return await submissions.change(sent, values, verb="accepted")

    async def _consent(self, form: LeadForm, sent: LeadSubmission, lead_id: UUID) -> None:
        consents = ConsentService(self.tx)
        evidence = {
            "source": f"lead form: {form.name}"[:500],
            "note": f"lead submission {sent.id}",
            "ip": _ip(sent.evidence.get("address")),
            "user_agent": (sent.evidence.get("user_agent") or "").strip() or None,
        }
        for one in sent.consents:
            for channel in one["channels"]:
                said = {
                    "target": "lead",
                    "record_id": lead_id,
                    "purpose": one["purpose"],
                    "channel": channel,
                    "basis": "consent",
                    "text_id": one["text_id"],
                    "evidence": evidence,
                }
                await consents.record(filled(ConsentInput, said))


def lead_of(
    form: LeadForm, answers: Mapping[str, str], told: Mapping[str, Any], own: CustomFields
) -> LeadCreate:
    """The lead that answers describe; raises `Invalid`."""
    named = {name: told[name] or getattr(form, name) for name in ("campaign", "medium")}
    if form.language is not None:
        named["language"] = form.language
    whole = {
        **{name: value for name, value in named.items() if value is not None},
        **given_by(answers, own),
        "source": form.source,
        "utm": told["utm"],
    }
    if told["referrer"] is not None:
        whole["referrer"] = told["referrer"]
    return filled(LeadCreate, whole)


def _told(sent: LeadSubmission) -> dict[str, Any]:
    return {name: getattr(sent, name) for name in ("campaign", "medium", "referrer", "utm")}


def _ip(address: str | None) -> str | None:
    try:
        return str(ip_address(address or ""))
    except ValueError:
        return None


def _addresses(data: LeadCreate) -> list[str]:
    return [*([data.email] if data.email else []), *(one.value for one in data.emails)]


def _key(address: str) -> str:
    try:
        return email_key(address)
    except BadValue:
        return address


def _why(error: CrmError) -> str:
    fault = error.faults[0].code if error.faults else None
    return fault or error.own_code
