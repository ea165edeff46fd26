"""How dashboards are stored and found."""

from sqlalchemy import or_

from crm_api.domains.dashboards.models import Dashboard
from crm_api.domains.dashboards.schemas import DashboardOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing

AREA = "dashboards"
DASHBOARDS: Listing = Listing(
    model=Dashboard,
    out=DashboardOut,
    area=AREA,
    sorts={"name": Dashboard.sort_name},
    # Private ones are for their owners alone.
    open_to=lambda row, me: or_(row.sharing == "organization", row.owner_id == me),
)


class Dashboards(Repository[Dashboard]):
    """The dashboards that are shared, and the actor's own."""

    model = Dashboard
    listing = DASHBOARDS
