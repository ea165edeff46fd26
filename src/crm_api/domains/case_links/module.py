"""Links of cases as a part of the product."""

from crm_api.domains.case_links.service import CaseLinkService
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.case_links import public_rest
    from crm_api.domains.case_links.graphql import MUTATIONS, QUERIES
    from crm_api.domains.case_links.rest import ROUTERS

    return Faces(
        routers=[*ROUTERS, *public_rest.ROUTERS],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="case_links",
    title="Links of cases",
    description="Customers rate how their cases were closed by a secret link.",
    depends_on=["companies", "contacts", "cases"],
    faces=_faces,
    events=["case_link.revoked", "case_link.viewed", "case_link.rated"],
    services=[CaseLinkService],
)
