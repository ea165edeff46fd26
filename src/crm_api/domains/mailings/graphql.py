"""Mailings over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.campaigns.graphql import Campaign
from crm_api.domains.conversations.graphql import Channel
from crm_api.domains.mailings import schemas
from crm_api.domains.mailings.actions import MailingActions, Verb
from crm_api.domains.mailings.results import results, sends
from crm_api.domains.mailings.service import MailingService
from crm_api.domains.mailings.settings import MailingSettingsService
from crm_api.domains.mailings.terms import KEY
from crm_api.domains.segments.filter_graphql import TimesFilter
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.filters import asked_as
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from


@strawberry.input
class MailedFilter:
    """What became, or did not become, of the mails that they were sent by mailings.

    `did` and `didNot` are one of `sent`, `delivered`, `opened`, `clicked`, `replied`, `bounced`,
    `unsubscribed` and `complained`; the others are as those of behaviour. Each mail counts once.
    """

    did: str | None = strawberry.UNSET
    did_not: str | None = strawberry.UNSET
    mailing_id: UUID | None = strawberry.UNSET
    campaign_id: UUID | None = strawberry.UNSET
    within: str | None = strawberry.UNSET
    since: str | None = strawberry.UNSET
    until: str | None = strawberry.UNSET
    count: TimesFilter | None = strawberry.UNSET


asked_as(KEY, MailedFilter)


@type_from(schemas.MailingOut)
class Mailing:
    """Something that is written to many."""

    channel = related(MailingService, "channel", Channel)
    campaign = related(MailingService, "campaign", Campaign)


@type_from(schemas.RenderedMail)
class RenderedMail:
    """A mailing as a contact would get it."""


@type_from(schemas.TestSend)
class TestSend:
    """A test that is on its way."""


@type_from(schemas.SendsQueued)
class SendsQueued:
    """How many were queued."""


@type_from(schemas.MailingSendOut)
class MailingSend:
    """A mail to one person."""


@type_from(schemas.MailingSendPage)
class MailingSendPage:
    """Some of the sends of a mailing."""


@type_from(schemas.VariantCounts)
class MailingVariantCounts:
    """How many of one variant."""


@type_from(schemas.MailingReasonCount)
class MailingReasonCount:
    """How many were not reached for a reason."""


@type_from(schemas.LinkCount)
class MailingLinkCount:
    """How often a link was followed."""


@type_from(schemas.MailingResults)
class MailingResults:
    """What became of a mailing."""


@type_from(schemas.MailingSettings)
class MailingSettings:
    """How an organization mails many."""


_MAILINGS = Collection(MailingService, Mailing)


@strawberry.type
class MailingActionQuery:
    """What is asked of mailings beyond their records."""

    @strawberry.field
    async def rendered_mailing(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.RenderInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> RenderedMail:
        """What a contact would get."""
        data = shape_given(schemas.RenderInput, input)
        return cast("Any", await MailingActions(info.context.tx).render(id, data))

    @strawberry.field
    async def mailing_sends(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.SendsAsked) | None = None,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        first: int = 50,
        after: str | None = None,
    ) -> MailingSendPage:
        """To whom a mailing went, and what became of each."""
        asked = schemas.SendsAsked() if input is None else shape_given(schemas.SendsAsked, input)
        found = await sends(info.context.tx, id, asked, page_size(first), after)
        return cast("Any", found)

    @strawberry.field
    async def mailing_results(self, info: GraphInfo, id: UUID) -> MailingResults:
        """What became of a mailing, by status and variant."""
        return cast("Any", await results(info.context.tx, id))

    @strawberry.field
    async def mailing_settings(self, info: GraphInfo) -> MailingSettings:
        """How fast many are mailed, what is tracked, and when a mailing stops by itself."""
        return cast("Any", MailingSettingsService(info.context.tx).get())


def _step(verb: Verb, description: str) -> Any:
    async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> Mailing:
        return await MailingActions(info.context.tx).go(id, verb, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class MailingActionMutation:
    """What is done with mailings."""

    start_mailing = _step("start", "Start it: what it says stays as it is.")
    pause_mailing = _step("pause", "Hand nothing more to the mail server meanwhile.")
    resume_mailing = _step("resume", "Go on, also after it was paused by itself.")
    complete_mailing = _step("complete", "Complete it: what is still queued is not sent.")
    cancel_mailing = _step("cancel", "Cancel it: what is still queued is not sent.")

    @mutation
    async def send_mailing(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.SendInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SendsQueued:
        """Send it to more people; those who have it in this step are left as they are."""
        data = shape_given(schemas.SendInput, input)
        return cast("Any", await MailingActions(info.context.tx).send(id, data))

    @mutation
    async def test_send_mailing(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.TestSendInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> TestSend:
        """Send a test to a user, as a contact would get it."""
        data = shape_given(schemas.TestSendInput, input)
        return cast("Any", await MailingActions(info.context.tx).test_send(id, data))

    @mutation
    async def set_mailing_settings(
        self,
        info: GraphInfo,
        input: input_from(schemas.MailingSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> MailingSettings:
        """Set how many are mailed, from now on."""
        data = shape_given(schemas.MailingSettings, input)
        return cast("Any", await MailingSettingsService(info.context.tx).replace(data))


QUERIES = (_MAILINGS.query(), MailingActionQuery)
MUTATIONS = (_MAILINGS.mutation(), MailingActionMutation)
