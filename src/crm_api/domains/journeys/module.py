"""Journeys as a part of the product."""

from crm_api.domains.journeys.planned import journeys_between
from crm_api.domains.journeys.repository import going_by
from crm_api.domains.journeys.service import JOURNEY_WAYS, JourneyService, RunService, forget_purged
from crm_api.domains.journeys.stepped import Listening, Stepping
from crm_api.domains.marketing_plans.calendar import SOURCES
from crm_api.domains.segments.module import MODULE as SEGMENTS
from crm_api.domains.segments.service import SegmentService
from crm_api.domains.sequences.module import MODULE as SEQUENCES
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.jobs import UNHURRIED_S, Watch
from crm_api.kit.module import Faces, Module

Guarded.purged.append(forget_purged)
SOURCES.append(journeys_between)
SegmentService.users["journeys"] = going_by
_VERBS = (
    *("waiting", "moved", "succeeded", "finished", "exited", "failed"),
    *("paused", "resumed", "migrated"),
)


def _faces() -> Faces:
    from crm_api.domains.journeys.graphql import MUTATIONS, QUERIES
    from crm_api.domains.journeys.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="journeys",
    title="Journeys",
    description="Graphs that people go through: waits, conditions, splits, steps and goals.",
    depends_on=["companies", "contacts", SEGMENTS.key, SEQUENCES.key],
    faces=_faces,
    watches=[
        Watch("journeys.step", Stepping),
        Watch("journeys.listen", Listening, pause_s=UNHURRIED_S),
    ],
    events=[
        *(f"journey.{way.event}" for way in JOURNEY_WAYS.values()),
        *(f"journey_run.{verb}" for verb in _VERBS),
    ],
    services=[JourneyService, RunService],
)
