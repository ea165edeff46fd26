"""The rules of goals, and how far they are."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.deals.service import DealService
from crm_api.domains.forecasting.arithmetic import ratio
from crm_api.domains.forecasting.attaining import attained
from crm_api.domains.forecasting.definitions import number
from crm_api.domains.forecasting.models import Goal
from crm_api.domains.forecasting.repository import Goals
from crm_api.domains.forecasting.schemas import GoalCreate, GoalUpdate
from crm_api.domains.forecasting.snapshots import SUMMED, Snapshots
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.errors import Invalid
from crm_api.kit.money import shown_amount
from crm_api.kit.query.visibility import ALL, narrowed, sight_of


class GoalService(NamedService[Goal]):
    """What is to be reached within some days: quotas of amounts won, or numbers of deals."""

    repository = Goals
    area = "goals"
    plural = "goals"
    personal = Impersonal("What members of the organization are to reach, with whomever.")
    create_shape = GoalCreate
    update_shape = GoalUpdate
    begins_with = {"reached": []}  # noqa: RUF012 - as everywhere
    records: Goals

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Goal | None, country: str | None
    ) -> dict[str, Any]:
        """It ends after it begins, and is of a user or of a team."""

        def after(name: str) -> Any:
            return values[name] if name in values or current is None else getattr(current, name)

        if after("ends_on") < after("starts_on"):
            raise Invalid.at("/ends_on", "before_start", "A goal ends after it begins.")
        if after("user_id") is not None and after("team_id") is not None:
            raise Invalid.at("/team_id", "two_nodes", "A goal is of a user or of a team.")
        return super().normalise(values, current, country)

    async def progress(self, id: UUID) -> dict[str, Any]:
        """How far a goal is, by the deals that the actor sees.

        Raises `NotFound`, and `Forbidden` where it is hidden when deals close, which the days of a
        goal would tell.
        """
        self.need("read")
        goal = await self.records.aim(id)
        if goal.metric == "new_deals":
            DealService(self.tx).need("read")
        else:
            Snapshots(self.tx).need_days()
        sight = await narrowed(self.tx, DEALS, sight_of(self.tx.actor, DEALS))
        reached = await attained(self.tx, goal, sight)
        hidden = self.tx.actor.hidden(DEALS.entity)
        is_hidden = goal.metric == "won_amount" and not SUMMED.isdisjoint(hidden)
        target = goal.target
        left = max(target - reached, Decimal(0))
        return {
            "goal_id": id,
            "metric": goal.metric,
            "reached": None if is_hidden else shown_amount(reached),
            "target": shown_amount(target),
            "attainment": number("goal_attainment", None if is_hidden else ratio(reached, target)),
            "left": None if is_hidden else shown_amount(left),
            "days_left": max((goal.ends_on - today_of(self.tx)).days + 1, 0),
        }

    async def look(self, goal: Goal) -> None:
        """Tell of the milestones of a locked goal that were reached since, each once."""
        reached = await attained(self.tx, goal, ALL)
        target = Decimal(goal.target)
        for milestone in goal.milestones:
            if milestone not in goal.reached and reached * 100 >= target * milestone:
                told: Mapping[str, Any] = {"milestone": milestone, "amount": shown_amount(reached)}
                known = sorted([*goal.reached, milestone])
                await self.change(goal, {"reached": known}, verb="milestone", told=told)
