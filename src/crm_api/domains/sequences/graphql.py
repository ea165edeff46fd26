"""Sequences and enrolments over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.conversations.graphql import Channel
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.sequences import schemas
from crm_api.domains.sequences.actions import EnrolmentActions
from crm_api.domains.sequences.enrolling import enrol
from crm_api.domains.sequences.previewing import preview, vocabulary
from crm_api.domains.sequences.results import results
from crm_api.domains.sequences.service import EnrolmentService, SequenceService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.identity.graphql import User


@type_from(schemas.SendWindowOut)
class SendWindow:
    """When mail leaves, by the clocks of whom it is for."""


@type_from(schemas.SequenceOut)
class Sequence:
    """Steps to take with somebody: their draft, and how the published version stands."""

    channel = related(SequenceService, "channel", Channel)


@type_from(schemas.SequenceEnrolmentOut)
class SequenceEnrolment:
    """Somebody who goes through a sequence, and where they stand in it."""

    sequence = related(EnrolmentService, "sequence", Sequence)
    contact = related(EnrolmentService, "contact", Contact)
    deal = related(EnrolmentService, "deal", Deal)
    sender = related(EnrolmentService, "sender", User)


@type_from(schemas.SequenceVersionOut)
class SequenceVersion:
    """What was published; never changed."""


@type_from(schemas.SequenceVocabulary)
class SequenceVocabulary:
    """What sequences are made of."""


@type_from(schemas.StepResult)
class SequenceStepResult:
    """How a step of a version fares."""


@type_from(schemas.ExitCount)
class SequenceExitCount:
    """How many went for a reason."""


@type_from(schemas.SequenceResults)
class SequenceResults:
    """How a sequence fares."""


@type_from(schemas.PreviewedMail)
class PreviewedMail:
    """What would leave."""


@type_from(schemas.StepMistake)
class SequenceStepMistake:
    """What is wrong with a step."""


@type_from(schemas.PreviewedStep)
class PreviewedStep:
    """What a step would say to somebody."""


@type_from(schemas.SequencePreviewOut)
class SequencePreview:
    """What a sequence would say to somebody."""


@type_from(schemas.EnrolmentStepOut)
class SequenceEnrolmentStep:
    """A step that was taken."""


@type_from(schemas.EnrolledOne)
class EnrolledOne:
    """What became of one of them."""


@type_from(schemas.Enrolled)
class Enrolled:
    """What became of those who were to be enrolled."""


_SEQUENCES = Collection(SequenceService, Sequence)
_ENROLMENTS = Collection(EnrolmentService, SequenceEnrolment)


@strawberry.type
class SequenceQuery:
    """What is asked of sequences beyond their records."""

    @strawberry.field
    async def sequence_vocabulary(self, info: GraphInfo) -> SequenceVocabulary:
        """Every kind of step with its JSON Schema, and what placeholders begin with."""
        return cast("Any", vocabulary(info.context.tx))

    @strawberry.field
    async def sequence_versions(self, info: GraphInfo, id: UUID) -> list[SequenceVersion]:
        """What was published of a sequence, the newest first."""
        return (await SequenceService(info.context.tx).versions(id))["data"]

    @strawberry.field
    async def sequence_results(self, info: GraphInfo, id: UUID) -> SequenceResults:
        """How many are in it, what was sent, who answered, and why they went."""
        return cast("Any", await results(info.context.tx, id))

    @strawberry.field
    async def sequence_preview(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.SequencePreview),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SequencePreview:
        """What a sequence would say to somebody; nothing of it happens."""
        data = shape_given(schemas.SequencePreview, input)
        return cast("Any", await preview(info.context.tx, id, data))

    @strawberry.field
    async def sequence_enrolment_steps(
        self, info: GraphInfo, id: UUID
    ) -> list[SequenceEnrolmentStep]:
        """What was done with somebody, in order."""
        return (await EnrolmentActions(info.context.tx).log(id))["data"]


def _acting(verb: schemas.SequenceVerb, description: str) -> Any:
    async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> Sequence:
        return await SequenceService(info.context.tx).go(id, verb, expected_version)

    return mutation(resolver, description=description)


def _enrolment(verb: schemas.EnrolmentVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> SequenceEnrolment:
        return await EnrolmentActions(info.context.tx).go(id, verb, None, expected_version)

    return mutation(resolver, description=description)


def _reasoned(verb: schemas.EnrolmentVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo,
        id: UUID,
        reason: str | None = None,
        expected_version: int | None = None,
    ) -> SequenceEnrolment:
        data = shape_given(schemas.EnrolmentReasonInput, {"reason": reason})
        return await EnrolmentActions(info.context.tx).go(id, verb, data, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class SequenceMutation:
    """What is done with sequences and enrolments."""

    publish_sequence = _acting("publish", "Publish the draft of a sequence.")
    pause_sequence = _acting("pause", "Pause a sequence.")
    resume_sequence = _acting("resume", "Have a paused sequence go on.")
    archive_sequence = _acting("archive", "Archive a sequence: whoever is in it goes.")
    pause_sequence_enrolment = _enrolment("pause", "Pause an enrolment.")
    resume_sequence_enrolment = _enrolment("resume", "Have an enrolment go on.")
    skip_sequence_enrolment = _enrolment("skip", "Skip the step that is next.")
    complete_sequence_enrolment = _reasoned("complete", "Have the task be done that is waited for.")
    remove_sequence_enrolment = _reasoned("remove", "Take somebody out of a sequence.")

    @mutation
    async def move_sequence_enrolment(
        self,
        info: GraphInfo,
        id: UUID,
        number: int | None = None,
        step: str | None = None,
        expected_version: int | None = None,
    ) -> SequenceEnrolment:
        """Have somebody go on with another version, at its first step or another one."""
        data = shape_given(schemas.EnrolmentMove, {"number": number, "step": step})
        return await EnrolmentActions(info.context.tx).go(id, "move", data, expected_version)

    @mutation
    async def enrol_in_sequence(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.Enrolling),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> Enrolled:
        """Enrol up to 1,000 contacts, or those who pass a filter; each has its own result."""
        data = shape_given(schemas.Enrolling, input)
        return cast("Any", await enrol(info.context.tx, id, data))


QUERIES = (_SEQUENCES.query(), _ENROLMENTS.query(), SequenceQuery)
MUTATIONS = (_SEQUENCES.mutation(), _ENROLMENTS.mutation(), SequenceMutation)
