"""How goals are listed and found."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from crm_api.domains.deals.repository import PIPELINES
from crm_api.domains.forecasting.models import Goal
from crm_api.domains.forecasting.schemas import GoalOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.money import SCALE
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.selection import Selection
from crm_api.platform.identity.repository import TEAMS, USERS

GOALS: Listing = Listing(
    model=Goal,
    out=GoalOut,
    area="goals",
    sorts={"name": Goal.sort_name},
    relations=(
        Relation("user", lambda: USERS, Goal.user_id, USERS.model.id),
        Relation("team", lambda: TEAMS, Goal.team_id, TEAMS.model.id),
        Relation("pipeline", lambda: PIPELINES, Goal.pipeline_id, PIPELINES.model.id),
    ),
)
_AIM = """
    SELECT metric, starts_on, ends_on, user_id, team_id, pipeline_id, target FROM goals
    WHERE organization_id = $1 AND id = $2
"""


class Aim(NamedTuple):
    """What a goal says, whatever of it is shown."""

    metric: str
    starts_on: date
    ends_on: date
    user_id: UUID | None
    team_id: UUID | None
    pipeline_id: UUID | None
    target: Decimal


class Goals(Repository[Goal]):
    """The goals of an organization."""

    model = Goal
    listing = GOALS

    async def aim(self, id: UUID) -> Aim:
        """What a living goal that the actor sees says; raises `NotFound`."""
        await self.row(id, Selection(("id",)))
        rows = await self.tx.fetch(_AIM, self.tx.organization_id, id)
        return Aim(*rows[0][:6], target=Decimal(rows[0]["target"]) / SCALE)
