"""The rules of forms that capture leads, and the trail of what came by them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.leads.schemas import LeadCreate
from crm_api.domains.leads.service import LeadService
from crm_api.domains.prospects.answering import given_by
from crm_api.domains.prospects.events import SendConfirmation
from crm_api.domains.prospects.form_schemas import LeadFormCreate, LeadFormUpdate
from crm_api.domains.prospects.models import LeadForm, LeadSubmission
from crm_api.domains.prospects.repository import (
    FORMS_AREA,
    SUBMISSIONS,
    LeadForms,
    LeadSubmissions,
    texts_of,
)
from crm_api.domains.prospects.words import PACKAGE, asked, labelled
from crm_api.kit.attempts import Attempts
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import About, Gone, Impersonal
from crm_api.kit.crud.plain import columns_of, values_of
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.documents.languages import language
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.links.paging import filled
from crm_api.kit.links.tokens import LinkTokens
from crm_api.kit.templates import templates_of
from crm_api.kit.tokens import Opaque, derived_secret

FORM_TOKENS = LinkTokens("leadform", "lead form")
CONFIRM_TOKENS = LinkTokens("leadconfirm", "lead confirmation")
_NAMING = frozenset({"first_name", "last_name", "email", "phone", "company_name"})
_EMBEDDED = frozenset({"title", "language", "fields", "consents"})


class LeadFormService(NamedService[LeadForm]):
    """What strangers fill in to become leads."""

    repository = LeadForms
    area = FORMS_AREA
    plural = "lead_forms"
    personal = Impersonal("The organization's own words.")
    create_shape = LeadFormCreate
    update_shape = LeadFormUpdate
    records: LeadForms

    async def prepare(self, values: dict[str, Any], current: LeadForm | None) -> dict[str, Any]:
        """A lead can be made of what it asks for; its HTML follows it."""
        values = await super().prepare(values, current)
        if current is not None and not (_EMBEDDED | {"double_opt_in"}) & values.keys():
            return values
        whole = {**({} if current is None else columns_of(current)), **values}
        for name in {"fields", "consents"} & values.keys():
            values[name] = whole[name] = [
                {**one, "text_id": str(one["text_id"])} if "text_id" in one else dict(one)
                for one in values[name]
            ]
        self._check_fields(whole)
        texts = await texts_of(self.tx, [UUID(one["text_id"]) for one in whole["consents"]])
        if "consents" in values:
            _check_texts(whole["consents"], texts)
        if current is None:
            values |= self._opened()
            whole |= values
        values["embed"] = _embedded(whole, texts)
        return values

    def _opened(self) -> dict[str, Any]:
        """Where a new form is."""
        key, id = self.tx.database.signing_key, new_id()
        token = FORM_TOKENS.new(self.tx.organization_id, id)
        return {
            "id": id,
            "path": f"/public/lead-forms/{token}/page",
            "secret_hash": FORM_TOKENS.hash_of(key, token.secret),
        }

    def _check_fields(self, whole: Mapping[str, Any]) -> None:
        keys = [field["key"] for field in whole["fields"]]
        needed = {field["key"] for field in whole["fields"] if field["is_required"]}
        if not needed & _NAMING:
            message = "A name, a company, an e-mail address or a phone number is required."
            raise Invalid.at("/fields", "nameless", message)
        if whole["double_opt_in"] and "email" not in needed:
            message = "It is confirmed by mail, so the e-mail address is required."
            raise Invalid.at("/fields", "email_needed", message)
        known = self.tx.catalogue.of("lead").by_name
        faults = [
            Fault("unknown_field", "There is no such custom field.", f"/fields/{place}/key")
            for place, key in enumerate(keys)
            if key.startswith("custom.") and key.removeprefix("custom.") not in known
        ]
        if faults := faults or self._wrong_options(whole["fields"]):
            raise Invalid(faults[0].message, faults=faults)

    def _wrong_options(self, fields: Sequence[Mapping[str, Any]]) -> list[Fault]:
        """The options that nobody could choose, for no lead can have them."""
        leads, faults = LeadService(self.tx), list[Fault]()
        for place, field in enumerate(fields):
            for number, option in enumerate(field["options"]):
                try:
                    given = {"last_name": "-", **given_by({field["key"]: option}, leads.fields)}
                    values = values_of(filled(LeadCreate, given))
                    leads.fields.read(values["custom"], self.tx.actor)
                    leads.normalise(values, None, self.tx.actor.country)
                except Invalid as error:
                    at = f"/fields/{place}/options/{number}"
                    faults += [replace(fault, pointer=at) for fault in error.faults[:1]]
        return faults


class LeadSubmissionService(CrudService[LeadSubmission]):
    """What came by forms: rows that are written by whoever fills one in."""

    repository = LeadSubmissions
    area = FORMS_AREA
    plural = "lead_submissions"
    personal = About(
        ("lead_id",), end="removed", reason="What the person has sent, of whom the lead tells."
    )
    plain = False
    upserts = False
    records: LeadSubmissions

    def keep(self, id: UUID, values: Mapping[str, Any]) -> None:
        """Write down what was sent."""
        token = confirm_token(self.tx, id)
        nothing = ("lead_id", "is_new_lead", "confirm_until", "confirmed_at", "owner_id")
        own: dict[str, Any] = {
            **dict.fromkeys(nothing),
            "id": id,
            "secret_hash": CONFIRM_TOKENS.hash_of(self.tx.database.signing_key, token.secret),
            "custom": {},
            "external_ids": {},
        }
        self.add({**own, **values})

    async def ask(self, form: LeadForm, id: UUID, email_key: str) -> datetime:
        """Ask by a letter whether it was them; until when they may confirm it. Raises `TooMany`."""
        attempts = Attempts(self.tx.database)
        await attempts.count(attempts.letters(email_key))
        self.tx.enqueue(SendConfirmation(id))
        return self.tx.now + timedelta(hours=form.confirm_hours)


def confirm_token(tx: Tx, id: UUID) -> Opaque:
    """What confirms a submission: it follows from its id and the key, and is stored nowhere."""
    secret = derived_secret(tx.database.signing_key, "lead confirmation", str(id))
    return Opaque(CONFIRM_TOKENS.kind, (tx.organization_id, id), secret)


async def wipe_submissions(tx: Tx, gone: Gone) -> int:
    """Destroy what somebody has sent who is erased, also what no lead came of."""
    return await _destroy(tx, await LeadSubmissions(tx).of_person(gone.ids, gone.values("email")))


async def forget_submissions(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Destroy what leads have sent that are destroyed."""
    if entity == "lead":
        await _destroy(tx, await LeadSubmissions(tx).of_person(ids, ()))


async def _destroy(tx: Tx, ids: Sequence[UUID]) -> int:
    if ids:
        await destroy(tx, SUBMISSIONS, ids)
        await empty_events(tx, ids)
    return len(ids)


def _check_texts(consents: Sequence[Mapping[str, Any]], texts: Mapping[UUID, Any]) -> None:
    faults = [
        Fault("unknown_reference", "There is no such text.", f"/consents/{place}/text_id")
        for place, one in enumerate(consents)
        if UUID(one["text_id"]) not in texts
    ]
    if faults:
        raise Invalid(faults[0].message, faults=faults)


def _embedded(whole: Mapping[str, Any], texts: Mapping[UUID, Any]) -> str:
    """A form for somebody else's page."""
    words = language(PACKAGE, whole["language"] or "en")
    template = templates_of(PACKAGE).get_template("embed.html")
    return template.render(
        say=words.labels,
        action=whole["path"],
        title=whole["title"],
        fields=[labelled(field, words) for field in whole["fields"]],
        consents=asked(whole["consents"], texts),
    )
