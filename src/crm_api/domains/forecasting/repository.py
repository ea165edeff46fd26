"""How goals are listed and found."""

from crm_api.domains.deals.repository import PIPELINES
from crm_api.domains.forecasting.models import Goal
from crm_api.domains.forecasting.schemas import GoalOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation
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


class Goals(Repository[Goal]):
    """The goals of an organization."""

    model = Goal
    listing = GOALS
