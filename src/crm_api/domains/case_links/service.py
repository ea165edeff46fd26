"""The rules of links of cases, for those who help."""

from collections.abc import Mapping
from typing import Any, ClassVar

from crm_api.domains.case_links.models import CaseLink
from crm_api.domains.case_links.repository import AREA, CaseLinks
from crm_api.domains.case_links.schemas import CaseLinkCreate, CaseLinkUpdate
from crm_api.kit.crud.personal import About
from crm_api.kit.links.linking import LinkService
from crm_api.kit.links.tokens import LinkTokens

TOKENS = LinkTokens("case", "case link")


class CaseLinkService(LinkService[CaseLink]):
    """Secret addresses at which customers rate how cases were closed."""

    repository = CaseLinks
    area = AREA
    plural = "case_links"
    personal = About(("contact_id",), end="removed", reason="It was given to somebody.")
    create_shape = CaseLinkCreate
    update_shape = CaseLinkUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {**LinkService.begins_with, "rated_at": None}
    tokens = TOKENS
    page_path = "/public/cases/{token}/page"
    records: CaseLinks
