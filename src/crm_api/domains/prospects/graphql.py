"""Forms and lists over GraphQL, for those who set them up."""

from uuid import UUID

import strawberry

from crm_api.domains.leads.graphql import Lead
from crm_api.domains.prospects import form_schemas
from crm_api.domains.prospects.admitting import admit_submission
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(form_schemas.LeadFormOut)
class LeadForm:
    """What strangers fill in to become leads."""


@type_from(form_schemas.LeadSubmissionOut)
class LeadSubmission:
    """What somebody has sent by a form."""

    form = related(LeadSubmissionService, "form", LeadForm)
    lead = related(LeadSubmissionService, "lead", Lead)


_FORMS = Collection(LeadFormService, LeadForm)
_SUBMISSIONS = Collection(LeadSubmissionService, LeadSubmission)


@strawberry.type
class LeadFormActionMutation:
    """What is done with what was sent by forms."""

    @mutation
    async def admit_lead_submission(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> LeadSubmission:
        """Have what was refused be a lead."""
        return await admit_submission(info.context.tx, id, expected_version)


QUERIES = (_FORMS.query(), _SUBMISSIONS.query())
MUTATIONS = (_FORMS.mutation(), LeadFormActionMutation)
