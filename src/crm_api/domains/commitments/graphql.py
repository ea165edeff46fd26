"""Commitments over GraphQL."""

from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.commitments import schemas, settings
from crm_api.domains.commitments.actions import CommitmentActions
from crm_api.domains.commitments.service import CommitmentService
from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.orders.graphql import Order
from crm_api.domains.projects.graphql import Project
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from


@type_from(schemas.CommitmentOut)
class Commitment:
    """Something that somebody promised."""

    company = related(CommitmentService, "company", Company)
    contact = related(CommitmentService, "contact", Contact)
    deal = related(CommitmentService, "deal", Deal)
    order = related(CommitmentService, "order", Order)
    project = related(CommitmentService, "project", Project)


@type_from(schemas.CommitmentTransitions)
class CommitmentTransitions:
    """Where a commitment stands, and what may be done with it."""


@type_from(settings.CommitmentSettingsOut)
class CommitmentSettings:
    """What becomes of promises that are late."""


_COMMITMENTS = Collection(CommitmentService, Commitment)


@strawberry.type
class CommitmentQuery:
    """What is asked of commitments beyond their records."""

    @strawberry.field
    async def commitment_settings(self, info: GraphInfo) -> CommitmentSettings:
        """What becomes of promises that are late."""
        return cast("Any", settings.CommitmentSettingsService(info.context.tx).get())

    @strawberry.field
    async def commitment_transitions(self, info: GraphInfo, id: UUID) -> CommitmentTransitions:
        """What may be done with a commitment."""
        return cast("Any", await CommitmentActions(info.context.tx).transitions(id))


def _decide(verb: schemas.CommitmentVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Commitment:
        data = shape_given(schemas.CommitmentDecision, {"comment": comment})
        return await CommitmentActions(info.context.tx).go(id, verb, data, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class CommitmentActionMutation:
    """What is done with commitments."""

    @mutation
    async def set_commitment_settings(
        self,
        info: GraphInfo,
        input: input_from(settings.CommitmentSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> CommitmentSettings:
        """Say what becomes of promises that are late."""
        data = shape_given(settings.CommitmentSettings, input)
        return cast("Any", await settings.CommitmentSettingsService(info.context.tx).replace(data))

    @mutation
    async def renegotiate_commitment(
        self,
        info: GraphInfo,
        id: UUID,
        reason: str,
        due_on: date | None = None,
        due_at: datetime | None = None,
        time_zone: str | None = None,
        expected_version: int | None = None,
    ) -> Commitment:
        """Agree on another day; the answer is the commitment that takes its place."""
        given = {"reason": reason, "due_on": due_on, "due_at": due_at, "time_zone": time_zone}
        data = shape_given(schemas.Renegotiation, given)
        return await CommitmentActions(info.context.tx).renegotiate(id, data, expected_version)

    keep_commitment = _decide("keep", "Write down that a commitment was kept.")
    break_commitment = _decide("break", "Write down that a commitment was broken.")
    withdraw_commitment = _decide("withdraw", "Withdraw a commitment.")
    reopen_commitment = _decide("reopen", "Open a commitment again.")


QUERIES = (_COMMITMENTS.query(), CommitmentQuery)
MUTATIONS = (_COMMITMENTS.mutation(), CommitmentActionMutation)
