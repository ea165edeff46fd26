"""Forms that capture leads, and lists of leads, as a part of the product."""

from crm_api.domains.leads.service import LeadAssignmentService
from crm_api.domains.prospects.events import LIST, count_lists
from crm_api.domains.prospects.following import follow
from crm_api.domains.prospects.forms import (
    LeadFormService,
    LeadSubmissionService,
    forget_submissions,
    wipe_submissions,
)
from crm_api.domains.prospects.jobs import (
    count_list,
    distribute_list,
    recall_list,
    send_confirmation,
)
from crm_api.domains.prospects.service import ProspectListService, ProspectMemberService
from crm_api.domains.prospects.steps import AddToList
from crm_api.domains.prospects.touching import TOUCHES
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.db.settling import derive_by
from crm_api.kit.module import Faces, Module

Guarded.purged.append(forget_submissions)
LeadAssignmentService.followers.append(follow)
derive_by(LIST, count_lists)


def _faces() -> Faces:
    from crm_api.domains.prospects import public_rest
    from crm_api.domains.prospects.graphql import MUTATIONS, QUERIES
    from crm_api.domains.prospects.rest import ROUTERS

    return Faces(routers=[*ROUTERS, *public_rest.ROUTERS], queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="prospects",
    title="Prospects",
    description="Forms by which strangers become leads, and lists of leads that are shared out.",
    depends_on=["catalogue", "companies", "contacts", "deals", "leads", "prices"],
    faces=_faces,
    jobs=[send_confirmation, distribute_list, recall_list, count_list],
    events=[
        "lead_submission.accepted",
        "lead_submission.refused",
        *(f"prospect_list.{verb}" for verb in ("filled", "frozen", "reopened", "split")),
        *(f"prospect_list.{verb}" for verb in ("distributed", "progressed", "recalled")),
        *(
            f"prospect_member.{verb}"
            for verb in ("given", "left", "recalled", "returned", "accepted")
        ),
    ],
    services=[
        LeadFormService,
        LeadSubmissionService,
        ProspectListService,
        ProspectMemberService,
    ],
    actions=[AddToList],
    touches=TOUCHES,
    traces=[
        Trace(
            "lead_submissions",
            ("lead_submissions",),
            wipe_submissions,
            rows_of(lead_submissions="lead_id = ANY($2) OR email_key = ANY($3)"),
        )
    ],
)
