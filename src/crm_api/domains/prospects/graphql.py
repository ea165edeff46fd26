"""Forms and lists over GraphQL, for those who set them up."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.leads.graphql import Lead, LeadPool
from crm_api.domains.prospects import form_schemas, list_schemas
from crm_api.domains.prospects.admitting import admit_submission
from crm_api.domains.prospects.filling import Filling
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService
from crm_api.domains.prospects.service import ProspectListService, ProspectMemberService
from crm_api.domains.prospects.sharing import Sharing
from crm_api.domains.prospects.splitting import Splitting
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.identity.graphql import User


@type_from(form_schemas.LeadFormOut)
class LeadForm:
    """What strangers fill in to become leads."""


@type_from(form_schemas.LeadSubmissionOut)
class LeadSubmission:
    """What somebody has sent by a form."""

    form = related(LeadSubmissionService, "form", LeadForm)
    lead = related(LeadSubmissionService, "lead", Lead)


@type_from(list_schemas.ProspectListOut)
class ProspectList:
    """Leads that are worked on together."""

    parent = related(
        ProspectListService, "parent", Annotated["ProspectList", strawberry.lazy(__name__)]
    )
    pool = related(ProspectListService, "pool", LeadPool)


@type_from(list_schemas.ProspectMemberOut)
class ProspectMember:
    """A lead on a list, and what became of it there."""

    list = related(ProspectMemberService, "list", ProspectList)
    lead = related(ProspectMemberService, "lead", Lead)
    user = related(ProspectMemberService, "user", User)


@type_from(list_schemas.ProspectsChanged)
class ProspectsChanged:
    """How many came or went, and how many there are then."""


@type_from(list_schemas.ProspectParts)
class ProspectParts:
    """The parts of a list."""


@type_from(list_schemas.ProspectJob)
class ProspectJob:
    """The job that does it."""


_FORMS = Collection(LeadFormService, LeadForm)
_SUBMISSIONS = Collection(LeadSubmissionService, LeadSubmission)
_LISTS = Collection(ProspectListService, ProspectList)
_MEMBERS = Collection(ProspectMemberService, ProspectMember)


@strawberry.type
class LeadFormActionMutation:
    """What is done with what was sent by forms."""

    @mutation
    async def admit_lead_submission(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> LeadSubmission:
        """Have what was refused be a lead, with `doubleOptIn` once a link in a letter confirms it."""
        return await admit_submission(info.context.tx, id, expected_version)


def _step(does: str, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> ProspectList:
        return await getattr(ProspectListService(info.context.tx), does)(id, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class ProspectListActionMutation:
    """What is done with lists of leads."""

    @mutation
    async def add_prospects(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(list_schemas.ProspectAddition),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ProspectsChanged:
        """Put leads on a list: by ids, by a filter of leads, or by one of contacts."""
        data = shape_given(list_schemas.ProspectAddition, input)
        return cast("Any", await Filling(info.context.tx).add(id, data))

    @mutation
    async def remove_prospects(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(list_schemas.ProspectRemoval),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ProspectsChanged:
        """Take leads from a list."""
        data = shape_given(list_schemas.ProspectRemoval, input)
        return cast("Any", await Filling(info.context.tx).remove(id, data))

    @mutation
    async def split_prospect_list(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(list_schemas.ProspectSplit),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> ProspectParts:
        """Split a list into parts; each member is in one."""
        data = shape_given(list_schemas.ProspectSplit, input)
        return await Splitting(info.context.tx).split(id, data, expected_version)

    @mutation
    async def distribute_prospect_list(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(list_schemas.ProspectDistribution),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> ProspectJob:
        """Share a list out over a pool of leads, by a job."""
        data = shape_given(list_schemas.ProspectDistribution, input)
        return cast("Any", await Sharing(info.context.tx).distribute(id, data, expected_version))

    @mutation
    async def recall_prospect_list(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(list_schemas.ProspectRecall),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> ProspectJob:
        """Take back what was given by a list, by a job."""
        data = shape_given(list_schemas.ProspectRecall, input)
        return cast("Any", await Sharing(info.context.tx).recall(id, data, expected_version))

    freeze_prospect_list = _step("freeze", "Have the members of a list stay as they are.")
    reopen_prospect_list = _step("reopen", "Have members of a list come and go again.")


QUERIES = (_FORMS.query(), _SUBMISSIONS.query(), _LISTS.query(), _MEMBERS.query())
MUTATIONS = (
    _FORMS.mutation(),
    LeadFormActionMutation,
    _LISTS.mutation(),
    ProspectListActionMutation,
)
