"""Attribution as a part of the product."""

from crm_api.domains.attribution.declared import Declared
from crm_api.domains.attribution.following import AREA, Follow
from crm_api.domains.attribution.keeping import forget_person, forget_purged
from crm_api.domains.attribution.metrics import METRICS
from crm_api.domains.attribution.settings import AREA as SETTINGS_AREA
from crm_api.domains.attribution.settings import CONFIGURED
from crm_api.domains.attribution.standard import STANDARD_REPORTS
from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.jobs import UNHURRIED_S, Watch
from crm_api.kit.module import Faces, Module

Guarded.purged.append(forget_purged)
tell_touches = Declared.tell


def _faces() -> Faces:
    from crm_api.domains.attribution.graphql import MUTATIONS, QUERIES
    from crm_api.domains.attribution.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="attribution",
    title="Attribution",
    description="By which touches what was won came about, and what campaigns come to.",
    depends_on=["companies", "contacts", "deals", "leads", "campaigns"],
    faces=_faces,
    areas=[AREA, SETTINGS_AREA],
    managed={SETTINGS_AREA: Managed("manage_settings")},
    tags={"attribution": "By which touches what was won came about."},
    watches=[Watch("attribution.follow", Follow, pause_s=UNHURRIED_S)],
    events=[CONFIGURED],
    metrics=METRICS,
    standard_reports=STANDARD_REPORTS,
    traces=[
        Trace(
            "campaign_touches",
            ("campaign_touches",),
            forget_person,
            rows_of(campaign_touches="person_id = ANY($2)"),
        )
    ],
)
