"""Reports as a part of the product."""

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.running import AREA
from crm_api.kit.module import Faces, Module

report_on = Declared.tell


def _faces() -> Faces:
    from crm_api.domains.reports.graphql import QUERIES
    from crm_api.domains.reports.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES)


MODULE = Module(
    key="reports",
    title="Reports",
    description="Numbers of all records, as far as whoever asks sees them; metrics with a name.",
    areas=[AREA],
    faces=_faces,
    tags={
        "report_sources": "What reports are of.",
        "reports": "Groups, measures, and the records behind each number.",
    },
)
