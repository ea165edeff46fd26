"""Deals as a part of the product."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.deals.actions import REOPEN
from crm_api.domains.deals.applying import PipelineApplier
from crm_api.domains.deals.importer import DealImporter
from crm_api.domains.deals.jobs import tell_of_overdue, tell_of_rotting
from crm_api.domains.deals.partied import forget_competitors
from crm_api.domains.deals.people import DealContactService
from crm_api.domains.deals.pictured import ROLL_UPS, SECTIONS, TOUCHPOINTS
from crm_api.domains.deals.pipelines import LossReasonService, PipelineService, StageService
from crm_api.domains.deals.reminding import OVERDUE, ROTTING
from crm_api.domains.deals.repository import AREA
from crm_api.domains.deals.service import DealMoveService, DealService
from crm_api.domains.deals.working import WORK
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.db.tx import Tx
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.kit.tallying import Tally


async def _follow(tx: Tx, stage: Mapping[str, Any]) -> None:
    await DealService(tx).follow(stage)


StageService.followers.append(_follow)
DealService.purged.append(forget_competitors(DealService))
REMINDERS: Mapping[str, Mapping[str, str]] = {
    ROTTING: {
        "en": "{record} has not moved on for too long",
        "de": "{record} kommt seit zu langem nicht weiter",
        "ru": "{record}: слишком долго без движения",
    },
    OVERDUE: {
        "en": "{record} was to be decided by now",
        "de": "{record} sollte inzwischen entschieden sein",
        "ru": "{record}: срок решения прошёл",
    },
}
_BY = ("pipeline_id", "stage_id", "status", "forecast_category", "currency", "base_currency")
TALLY = Tally(
    "deal",
    dimensions=("closes_on", "owner_id", *_BY),
    sums=("amount", "base_amount", "expected_amount"),
    # By owner and day there would be nearly as many cells as deals.
    grains=(("closes_on", *_BY), ("closes_on:month", "owner_id", *_BY)),
)


def _faces() -> Faces:
    from crm_api.domains.deals.graphql import MUTATIONS, QUERIES
    from crm_api.domains.deals.rest import ROUTERS

    return Faces(
        routers=ROUTERS,
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="deals",
    title="Deals",
    description="What may be sold, and the pipelines that it goes through.",
    depends_on=["catalogue", "companies", "contacts", "prices"],
    faces=_faces,
    importers=[DealImporter()],
    chores=[
        Chore("deals.tell_of_rotting", tell_of_rotting),
        Chore("deals.tell_of_overdue", tell_of_overdue),
    ],
    appliers=[
        PipelineApplier(PipelineService, by=["key"]),
        CollectionApplier(LossReasonService, by=["key"]),
    ],
    managed={AREA: Managed("manage_settings")},
    acts={REOPEN: "deals"},
    reminders=REMINDERS,
    events=[
        *REMINDERS,
        *(f"deal.{verb}" for verb in ("moved", "won", "lost", "reopened", "ranked", "split")),
    ],
    work=WORK,
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
    roll_ups=ROLL_UPS,
    tallies=[TALLY],
    services=[
        PipelineService,
        StageService,
        LossReasonService,
        DealService,
        DealContactService,
        DealMoveService,
    ],
)
