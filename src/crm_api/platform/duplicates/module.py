"""Duplicates as a part of the product."""

from collections.abc import Iterable

from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import AREA
from crm_api.kit.crud.personal import Copies, Trace
from crm_api.kit.module import Faces, Module
from crm_api.platform.duplicates.guard import DuplicateGuard
from crm_api.platform.duplicates.jobs import scan_duplicates
from crm_api.platform.duplicates.matcher import Matcher
from crm_api.platform.duplicates.repository import COMPARED
from crm_api.platform.duplicates.service import (
    DuplicateService,
    Merge,
    PolicyService,
    forget_values,
)
from crm_api.platform.duplicates.standard import STANDARD_REPORTS


def duplicates_module(matchers: Iterable[Matcher], fold: Merge) -> Module:
    """Duplicates of the records that have a matcher; `fold` is how the product merges records."""
    known = {matcher.entity: matcher for matcher in matchers}
    DuplicateService.matchers = PolicyService.matchers = known
    DuplicateService.fold = staticmethod(fold)
    for entity, matcher in known.items():
        COMPARED[entity] = matcher.service.repository.listing
        matcher.service.guards = (DuplicateGuard(matcher),)

    def faces() -> Faces:
        from crm_api.platform.duplicates.graphql import (
            DuplicateMutation,
            DuplicatePolicyQuery,
            DuplicateQuery,
            check_queries,
        )
        from crm_api.platform.duplicates.rest import duplicate_routes

        return Faces(
            routers=[duplicate_routes(known.values())],
            queries=[DuplicateQuery, DuplicatePolicyQuery, *check_queries(known.values())],
            mutations=[DuplicateMutation],
        )

    return Module(
        key="duplicates",
        title="Duplicates",
        description="Records that are probably one are found, and kept out or told.",
        depends_on=["merging"],
        managed={AREA: Managed("merge")},
        faces=faces,
        jobs=[scan_duplicates],
        services=[DuplicateService, PolicyService],
        traces=[
            Trace(
                "duplicates.knowledge",
                ("duplicate_knowledge",),
                forget_values,
                Copies("Counts of words of all."),
            )
        ],
        standard_reports=STANDARD_REPORTS,
        events=[f"duplicate.{verb}" for verb in ("found", "dismissed", "reopened", "merged")],
    )
