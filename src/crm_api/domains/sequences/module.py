"""Sequences as a part of the product."""

from crm_api.domains.activities.module import MODULE as ACTIVITIES
from crm_api.domains.conversations.module import MODULE as CONVERSATIONS
from crm_api.domains.sequences.joining import ACTIONS
from crm_api.domains.sequences.pictured import SECTIONS
from crm_api.domains.sequences.service import (
    SEQUENCE_WAYS,
    EnrolmentService,
    SequenceService,
    forget_purged,
)
from crm_api.domains.sequences.stepped import Listening, Steps
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.jobs import UNHURRIED_S, Watch
from crm_api.kit.module import Faces, Module

Guarded.purged.append(forget_purged)
_VERBS = (
    *("waiting", "step_done", "finished", "exited", "failed"),
    *("paused", "resumed", "completed", "moved"),
)


def _faces() -> Faces:
    from crm_api.domains.sequences.graphql import MUTATIONS, QUERIES
    from crm_api.domains.sequences.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="sequences",
    title="Sequences",
    description="What people are written and asked step by step, until they answer.",
    depends_on=["companies", "contacts", "deals", ACTIVITIES.key, CONVERSATIONS.key],
    faces=_faces,
    watches=[
        Watch("sequences.step", Steps),
        Watch("sequences.listen", Listening, pause_s=UNHURRIED_S),
    ],
    events=[
        *(f"sequence.{way.event}" for way in SEQUENCE_WAYS.values()),
        *(f"sequence_enrolment.{verb}" for verb in _VERBS),
    ],
    services=[SequenceService, EnrolmentService],
    sections=SECTIONS,
    actions=ACTIONS,
)
