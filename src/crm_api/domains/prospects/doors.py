"""What whoever has the address of a form may do, which is to send it; and by a letter, confirm.

The form or the submission itself is the actor, with the rights that this needs and no others.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.leads.service import LeadService
from crm_api.domains.prospects.answering import at_answers
from crm_api.domains.prospects.capturing import Capture, lead_of
from crm_api.domains.prospects.form_schemas import FormSubmission
from crm_api.domains.prospects.forms import (
    CONFIRM_TOKENS,
    FORM_TOKENS,
    LeadFormService,
    LeadSubmissionService,
)
from crm_api.domains.prospects.models import LeadForm
from crm_api.domains.prospects.repository import FORMS_AREA, OPENING, supplier_of, texts_of
from crm_api.domains.prospects.spam import judged, stamp_of
from crm_api.domains.prospects.words import asked
from crm_api.kit.crud.plain import columns_of, values_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.links.opening import Caller, Opened, ended
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue

_SCOPES = frozenset(
    {
        *(f"{area}:read" for area in ("leads", "contacts", "companies", "consents", FORMS_AREA)),
        *(f"{area}:write" for area in ("leads", "consents", FORMS_AREA)),
    }
)
FORM_OPENED = Opened(FORM_TOKENS, OPENING.format(table="lead_forms"), _SCOPES, is_throttled=True)
CONFIRM_OPENED = Opened(CONFIRM_TOKENS, OPENING.format(table="lead_submissions"), _SCOPES)


class FormDoor:
    """A form, as its address opens it."""

    def __init__(self, tx: Tx, caller: Caller) -> None:
        self.tx, self.caller = tx, caller
        self.forms, self.submissions = LeadFormService(tx), LeadSubmissionService(tx)

    async def read(self) -> dict[str, Any]:
        """What it asks for; raises `Ended`."""
        form = await self.form()
        texts = await texts_of(self.tx, [UUID(one["text_id"]) for one in form.consents])
        return {
            **{n: getattr(form, n) for n in ("title", "introduction", "language", "fields")},
            "supplier": (await supplier_of(self.tx))["name"],
            "consents": asked(form.consents, texts),
            "stamp": stamp_of(self.tx.database.signing_key, form.id, self.tx.now),
        }

    async def form(self) -> LeadForm:
        """The form; raises `Ended`."""
        self._require("read")
        form = await self.forms.records.own()
        if form is None or form.deleted_at is not None or form.status != "active":
            raise ended("The form is closed.")
        return form

    async def submit(self, data: FormSubmission, language: str | None = None) -> dict[str, Any]:
        """Take what was sent, or keep it and say the same; raises `Invalid`, `TooMany`."""
        self._require("write")
        form = await self.form()
        answers, consents, is_barred = await self._checked(form, data)
        score, reasons = judged(
            answers,
            honeypot=data.fax,
            stamp=data.stamp,
            key=self.tx.database.signing_key,
            form_id=form.id,
            at=self.tx.now,
        )
        values: dict[str, Any] = {
            "form_id": form.id,
            "status": "refused" if score >= form.spam_threshold else "pending",
            "reasons": reasons,
            "spam_score": score,
            "answers": answers,
            "consents": consents,
            **data.model_dump(include={"campaign", "medium", "referrer", "utm"}),
            "evidence": self.caller.shown,
            "email_key": _email_key(answers),
            "language": form.language or language,
        }
        if is_barred:
            # Who was erased is not written down again; that somebody sent something is.
            values |= {name: {} for name in ("answers", "evidence", "utm")}
            values |= {"consents": [], "email_key": None}
            values |= {"status": "refused", "reasons": [*reasons, "person_erased"]}
            values |= dict.fromkeys(("campaign", "medium", "referrer"))
        await self._keep(form, values)
        return told_of(form, is_pending=form.double_opt_in)

    async def _keep(self, form: LeadForm, values: dict[str, Any]) -> None:
        id, is_pending = new_id(), values["status"] == "pending"
        if is_pending and form.double_opt_in:
            until = await self.submissions.ask(form, id, str(values["email_key"]))
            self.submissions.keep(id, {**values, "confirm_until": until})
            return
        self.submissions.keep(id, values)
        if is_pending:
            await self.tx.flush()
            (sent,) = await self.submissions.records.locked([id], everywhere=True)
            await Capture(self.tx).accept(form, sent)

    async def _checked(
        self, form: LeadForm, data: FormSubmission
    ) -> tuple[dict[str, str], list[dict[str, Any]], bool]:
        """The answers that say something, what was agreed to, and whether they are of the erased.

        Raises `Invalid`.
        """
        answers = {key: said for key, text in data.answers.items() if (said := text.strip())}
        fields = {field["key"]: field for field in form.fields}
        faults = [
            Fault("unknown_field", "The form does not ask for it.", f"/answers/{key}")
            for key in answers
            if key not in fields
        ]
        faults += [
            Fault("required", "It is required.", f"/answers/{key}")
            for key, field in fields.items()
            if field["is_required"] and key not in answers
        ]
        faults += [
            Fault("not_an_option", "It is none of the options.", f"/answers/{key}")
            for key, said in answers.items()
            if (options := fields.get(key, {}).get("options")) and said not in options
        ]
        consents, wrong = await self._consents(form, data)
        if faults := [*faults, *wrong]:
            raise Invalid(faults[0].message, faults=faults)
        return answers, consents, await self._is_barred(form, answers, data)

    async def _is_barred(
        self, form: LeadForm, answers: Mapping[str, str], data: FormSubmission
    ) -> bool:
        """Whether it is of somebody who was erased; raises `Invalid` where it makes no lead."""
        leads = LeadService(self.tx)
        try:
            shape = lead_of(form, answers, data.model_dump(), leads.fields)
            values = values_of(shape)
            values["custom"] = leads.fields.completed(values["custom"], self.tx.actor)
            await leads.records.check_custom(values["custom"])
            leads.normalise(values, None, self.tx.actor.country)
        except Invalid as error:
            raise at_answers(error) from None
        return bool(await leads.barred([values]))

    async def _consents(
        self, form: LeadForm, data: FormSubmission
    ) -> tuple[list[dict[str, Any]], list[Fault]]:
        texts = await texts_of(self.tx, [UUID(one["text_id"]) for one in form.consents])
        offered = {UUID(one["text_id"]): one for one in form.consents}
        given = list(dict.fromkeys(data.consents))
        faults = [
            Fault("unknown_reference", "The form does not show it.", f"/consents/{place}")
            for place, id in enumerate(given)
            if id not in offered or id not in texts
        ]
        faults += [
            Fault("consent_required", "It has to be agreed to.", "/consents")
            for id, one in offered.items()
            if one["is_required"] and id in texts and id not in given
        ]
        consents = [
            {
                "text_id": str(id),
                "purpose": texts[id]["purpose"],
                "channels": offered[id]["channels"],
            }
            for id in given
            if id in offered and id in texts
        ]
        return consents, faults

    def _require(self, verb: str) -> None:
        for area in ("leads", FORMS_AREA):
            self.tx.actor.require(f"{area}:{verb}")


class ConfirmDoor:
    """What somebody has sent, as the link in their letter opens it."""

    def __init__(self, tx: Tx, caller: Caller) -> None:
        self.tx, self.caller = tx, caller
        self.submissions = LeadSubmissionService(tx)

    async def read(self) -> dict[str, Any]:
        """Whether it is confirmed; raises `Ended`."""
        form, sent = await self._sent(lock=False)
        return await self._told(form, is_confirmed=sent.status != "pending")

    async def confirm(self) -> dict[str, Any]:
        """Have it count; who confirms twice has confirmed once. Raises `Ended`."""
        self.tx.actor.require(f"{FORMS_AREA}:write")
        form, sent = await self._sent(lock=True)
        if sent.status == "pending":
            await Capture(self.tx).accept(form, sent)
        return await self._told(form, is_confirmed=True)

    async def _told(self, form: LeadForm, *, is_confirmed: bool) -> dict[str, Any]:
        shown = {n: getattr(form, n) for n in ("title", "thank_you", "redirect_url")}
        supplier = (await supplier_of(self.tx))["name"]
        return {**shown, "supplier": supplier, "is_confirmed": is_confirmed}

    async def _sent(self, *, lock: bool) -> tuple[LeadForm, Any]:
        self.tx.actor.require(f"{FORMS_AREA}:read")
        sent = await self.submissions.records.own(lock=lock)
        form = None if sent is None else await LeadFormService(self.tx).records.find(sent.form_id)
        if sent is None or form is None or sent.confirm_until is None:
            raise ended("The form is not there any more.")
        if sent.status == "pending" and sent.confirm_until <= self.tx.now:
            raise ended("It was not confirmed in time.")
        return form, sent


def told_of(form: LeadForm, *, is_pending: bool) -> dict[str, Any]:
    """What is answered to whoever sends a form."""
    shown = {name: columns_of(form)[name] for name in ("thank_you", "redirect_url")}
    return {"next": "confirm" if is_pending else "done", **shown}


def _email_key(answers: Mapping[str, str]) -> str | None:
    try:
        return email_key(answers["email"]) if "email" in answers else None
    except BadValue as error:
        raise Invalid.at("/answers/email", error.code, str(error)) from None
