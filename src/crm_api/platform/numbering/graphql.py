"""Number sequences over GraphQL."""

from datetime import date
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import type_from
from crm_api.platform.numbering.schemas import NumberSequenceOut, TakeInput
from crm_api.platform.numbering.schemas import Taken as TakenShape
from crm_api.platform.numbering.service import NumberSequenceService


@type_from(NumberSequenceOut)
class NumberSequence:
    """Running numbers of one kind of document."""


@type_from(TakenShape)
class TakenNumber:
    """A number that was given."""


@strawberry.type
class NumberMutation:
    """Running numbers."""

    @mutation
    async def take_number(
        self, info: GraphInfo, sequence_id: UUID, on: date | None = None
    ) -> TakenNumber:
        """Take the next number; a failure gives it back."""
        data = shape_given(TakeInput, {"on": on})
        return await NumberSequenceService(info.context.tx).take(  # pyright: ignore[reportReturnType]
            sequence_id, data.on
        )


_SEQUENCES = Collection(NumberSequenceService, NumberSequence)
QUERIES = (_SEQUENCES.query(),)
MUTATIONS = (_SEQUENCES.mutation(), NumberMutation)
