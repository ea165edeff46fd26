"""Forecasting as a part of the product."""

from crm_api.domains.deals.service import DealService
from crm_api.domains.forecasting.jobs import take_snapshots, tell_milestones
from crm_api.domains.forecasting.metrics import METRICS
from crm_api.domains.forecasting.service import GoalService
from crm_api.domains.forecasting.snapshots import AREA, forget
from crm_api.domains.forecasting.standard import STANDARD_REPORTS
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module

DealService.purged.append(forget)


def _faces() -> Faces:
    from crm_api.domains.forecasting.graphql import MUTATIONS, QUERIES
    from crm_api.domains.forecasting.rest import ROUTERS

    return Faces(
        routers=ROUTERS,
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="forecasting",
    title="Forecasting",
    description="What pipelines come to: daily snapshots, waterfalls, measures, forecasts, goals.",
    depends_on=["companies", "contacts", "deals"],
    areas=[AREA],
    faces=_faces,
    tags={
        "deal_snapshots": "Deals as they were on a day.",
        "metrics": "What numbers mean.",
        "forecasts": "What is expected of a period: computed, submitted and overridden.",
    },
    # Midnight is at another hour in each time zone.
    chores=[
        Chore("deals.snapshot", take_snapshots, every_s=300),
        Chore("goals.milestones", tell_milestones, every_s=600),
    ],
    events=[
        *(f"forecast.{verb}" for verb in ("submitted", "overridden", "locked", "unlocked")),
        "goal.milestone",
    ],
    services=[GoalService],
    metrics=METRICS,
    standard_reports=STANDARD_REPORTS,
)
