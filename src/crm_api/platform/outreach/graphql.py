"""Consents, suppressions and the gate over GraphQL."""

from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from, values_of
from crm_api.platform.outreach.checking import check, evaluate
from crm_api.platform.outreach.guard_schemas import GuardAnswer as GuardAnswerShape
from crm_api.platform.outreach.guard_schemas import GuardRuleOut
from crm_api.platform.outreach.guard_schemas import GuardVerdict as GuardVerdictShape
from crm_api.platform.outreach.schemas import (
    ConsentInput,
    ConsentOut,
    ConsentTextOut,
    OutreachCheck,
    OutreachQuestion,
    SuppressionOut,
    WhoseConsent,
    WithdrawalInput,
)
from crm_api.platform.outreach.schemas import OutreachAnswer as OutreachAnswerShape
from crm_api.platform.outreach.service import (
    ConsentService,
    ConsentTextService,
    GuardRuleService,
    SuppressionService,
)


@type_from(ConsentTextOut)
class ConsentText:
    """A version of the words that people agree to."""


@type_from(ConsentOut)
class Consent:
    """What somebody decided once."""

    text = related(ConsentService, "text", ConsentText)


@type_from(SuppressionOut)
class Suppression:
    """An address, or a domain, that is not to be reached."""


@type_from(OutreachAnswerShape)
class OutreachAnswer:
    """Whether somebody may be reached, and if not why."""


@type_from(GuardRuleOut)
class GuardRule:
    """What keeps people from being reached."""


@type_from(GuardVerdictShape)
class GuardVerdict:
    """What one rule says."""


@type_from(GuardAnswerShape)
class GuardAnswer:
    """Whether somebody may be reached, and what every rule says of it."""


_GUARDS = Collection(GuardRuleService, GuardRule)
_TEXTS = Collection(ConsentTextService, ConsentText)
_SUPPRESSIONS = Collection(SuppressionService, Suppression)


@strawberry.type
class OutreachQuery:
    """Who may be reached."""

    @strawberry.field
    async def effective_consents(
        self, info: GraphInfo, record_id: UUID, target: str = "contact"
    ) -> list[Consent]:
        """The last word of a person on each purpose and channel."""
        whose = shape_given(WhoseConsent, {"target": target, "record_id": record_id})
        return await ConsentService(info.context.tx).effective(whose)

    @strawberry.field
    async def outreach_check(
        self,
        info: GraphInfo,
        items: list[input_from(OutreachQuestion)],  # pyright: ignore[reportInvalidTypeForm]
    ) -> list[OutreachAnswer]:
        """Up to 500 questions, each answered with whatever stands against it."""
        data = shape_given(OutreachCheck, {"items": values_of(items)})
        return await check(info.context.tx, data)  # pyright: ignore[reportReturnType]

    @strawberry.field
    async def guard_evaluation(
        self,
        info: GraphInfo,
        items: list[input_from(OutreachQuestion)],  # pyright: ignore[reportInvalidTypeForm]
    ) -> list[GuardAnswer]:
        """Up to 500 questions, each answered with the verdict of every active rule."""
        data = shape_given(OutreachCheck, {"items": values_of(items)})
        return await evaluate(info.context.tx, data)  # pyright: ignore[reportReturnType]


@strawberry.type
class ConsentMutation:
    """What people decide."""

    @mutation
    async def record_consent(
        self,
        info: GraphInfo,
        input: input_from(ConsentInput),  # pyright: ignore[reportInvalidTypeForm]
    ) -> Consent:
        """Write down what somebody has decided."""
        return await ConsentService(info.context.tx).record(shape_given(ConsentInput, input))

    @mutation
    async def withdraw_consents(
        self,
        info: GraphInfo,
        input: input_from(WithdrawalInput),  # pyright: ignore[reportInvalidTypeForm]
    ) -> list[Consent]:
        """Take back what somebody has granted: of a purpose, on a channel, or all there is."""
        return await ConsentService(info.context.tx).withdraw(shape_given(WithdrawalInput, input))


QUERIES = (
    _TEXTS.query(),
    Collection(ConsentService, Consent).query(),
    _SUPPRESSIONS.query(),
    _GUARDS.query(),
    OutreachQuery,
)
MUTATIONS = (_TEXTS.mutation(), _SUPPRESSIONS.mutation(), _GUARDS.mutation(), ConsentMutation)
