"""Sequences and enrolments over REST."""

from typing import Any

from fastapi import Response

from crm_api.domains.contacts.service import ContactService
from crm_api.domains.deals.service import DealService
from crm_api.domains.sequences.actions import EnrolmentActions
from crm_api.domains.sequences.enrolling import enrol
from crm_api.domains.sequences.previewing import preview, vocabulary
from crm_api.domains.sequences.results import results
from crm_api.domains.sequences.schemas import (
    Enrolled,
    Enrolling,
    EnrolmentMove,
    EnrolmentReasonInput,
    EnrolmentSteps,
    EnrolmentVerb,
    SequenceEnrolmentOut,
    SequenceOut,
    SequencePreview,
    SequencePreviewOut,
    SequenceResults,
    SequenceVerb,
    SequenceVersions,
    SequenceVocabulary,
)
from crm_api.domains.sequences.service import EnrolmentService, SequenceService
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router

_PER_POINT = 10
_VERBS: dict[SequenceVerb, tuple[str, str]] = {
    "publish": (
        "Publish the draft of a sequence",
        "Checked as a whole first; who is enrolled goes on with the version they began with.",
    ),
    "pause": ("Pause a sequence", "No further step is taken; what is waited for is still heeded."),
    "resume": ("Have a paused sequence go on", "Each goes on where they stand."),
    "archive": ("Archive a sequence", "Whoever is in it goes, with the reason `archived`."),
}
_ENROLMENT_VERBS: dict[EnrolmentVerb, tuple[tuple[str, str], Any]] = {
    "pause": (("Pause an enrolment", "A mail that has not begun to leave does not."), None),
    "resume": (("Have an enrolment go on", "One that failed tries its step anew."), None),
    "skip": (("Skip the step that is next", "Or the one that is waited for."), None),
    "complete": (
        ("Have the task be done that is waited for", "It is completed, and the next step comes."),
        EnrolmentReasonInput,
    ),
    "remove": (("Take somebody out of a sequence", "With a reason."), EnrolmentReasonInput),
    "move": (
        ("Have somebody go on with another version", "At its first step, or another one."),
        EnrolmentMove,
    ),
}

pure = new_router("sequences", "sequences")
sequences = crud_router(SequenceService)
enrolments = crud_router(EnrolmentService)
contacts, deals = new_router("sequences", "contacts"), new_router("sequences", "deals")


@pure.get(
    "/vocabulary",
    operation_id="getSequenceVocabulary",
    summary="What sequences are made of",
    responses={200: {"model": SequenceVocabulary}} | problems(403, 422),
)
async def read_vocabulary(tx: Reading) -> Response:
    """Every kind of step with its JSON Schema, and what placeholders begin with."""
    return answers.plain(vocabulary(tx))


@sequences.get(
    "/{id}/versions",
    operation_id="listSequenceVersions",
    summary="What was published of a sequence",
    responses={200: {"model": SequenceVersions}} | problems(403, 404, 422),
)
async def versions(id: Id, tx: Reading) -> Response:
    """Every version with its steps, the newest first."""
    return answers.plain(await SequenceService(tx).versions(id))


@sequences.get(
    "/{id}/results",
    operation_id="getSequenceResults",
    summary="How a sequence fares",
    responses={200: {"model": SequenceResults}} | problems(403, 404, 422),
)
async def read_results(id: Id, tx: Reading) -> Response:
    """How many are in it, what was sent at each step, who answered, and why they went."""
    return answers.plain(await results(tx, id))


@sequences.post(
    "/{id}/preview",
    operation_id="previewSequence",
    summary="See what a sequence would say to somebody",
    responses={200: {"model": SequencePreviewOut}} | problems(400, 403, 404, 415, 422),
)
async def read_preview(id: Id, tx: Reading, body: SequencePreview) -> Response:
    """The draft or a version, with what could not be filled in; nothing of it happens."""
    return answers.plain(await preview(tx, id, body))


@sequences.post(
    "/{id}/enrol",
    operation_id="enrolInSequence",
    summary="Enrol many in a sequence",
    responses={200: {"model": Enrolled}} | problems(400, 403, 404, 409, 415, 422),
)
async def enrol_many(id: Id, tx: Writing, body: Enrolling) -> Response:
    """Up to 1,000 contacts, or those who pass a filter; each has its own result."""
    await tx.spend(len(body.contact_ids or ()) // _PER_POINT)
    return answers.plain(await enrol(tx, id, body))


@enrolments.get(
    "/{id}/steps",
    operation_id="listSequenceEnrolmentSteps",
    summary="What was done with somebody",
    responses={200: {"model": EnrolmentSteps}} | problems(403, 404, 422),
)
async def log(id: Id, tx: Reading) -> Response:
    """Every step that was taken, in order, with what came of it."""
    return answers.plain(await EnrolmentActions(tx).log(id))


def _add(verb: SequenceVerb, texts: tuple[str, str]) -> None:
    add_action(
        sequences,
        verb,
        lambda tx, one, _, expected: SequenceService(tx).go(one, verb, expected),
        SequenceOut,
        texts,
    )


def _add_enrolment(verb: EnrolmentVerb, texts: tuple[str, str], body: Any) -> None:
    add_action(
        enrolments,
        verb,
        lambda tx, one, data, expected: EnrolmentActions(tx).go(one, verb, data, expected),
        SequenceEnrolmentOut,
        texts,
        body=body,
    )


for _verb, _texts in _VERBS.items():
    _add(_verb, _texts)
for _enrolment_verb, (_told, _body) in _ENROLMENT_VERBS.items():
    _add_enrolment(_enrolment_verb, _told, _body)
for _router, _above, _by, _name in (
    (contacts, ContactService, "contact_id", "Contact"),
    (deals, DealService, "deal_id", "Deal"),
):
    add_below(
        _router,
        "sequence-enrolments",
        _above,
        EnrolmentService,
        by=_by,
        operation_id=f"list{_name}SequenceEnrolments",
        summary=f"The sequences that a {_name.lower()} is in",
        description="And was in, the newest first.",
    )

ROUTERS = (pure, sequences, enrolments, contacts, deals)
