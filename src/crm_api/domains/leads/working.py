"""What leads give users to do: to respond to those that they were given."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.leads.service import LeadService
from crm_api.kit.work import Asked, Fact, Item, Workload, between, listed

_HIGH = Fact("high_score", 10, "Its score is 80 or more.")
_AGAIN = Fact("went_back", 5, "Somebody has let it lie before.")


def _open(asked: Asked) -> Mapping[str, Any]:
    return {
        "owner_id": {"eq": str(asked.user_id)},
        "status": {"eq": "assigned"},
        **between(asked, "respond_by", undated=True),
    }


def _item(_asked: Asked, row: Any) -> Item:
    told = (((row.score or 0) >= 80, _HIGH), ((row.hops or 0) > 0, _AGAIN))
    return Item(
        entity="lead",
        id=row.id,
        title=row.name or "",
        kind="lead",
        due_at=row.respond_by,
        facts=tuple(fact for is_so, fact in told if is_so),
        version=row.version,
        updated_at=row.updated_at,
        links={"company_id": row.matched_company_id, "contact_id": row.matched_contact_id},
    )


WORK = (
    Workload(
        "leads.assigned",
        LeadService.area,
        listed(
            LeadService,
            _open,
            _item,
            sort="respond_by",
            fields=(
                *("name", "respond_by", "score", "hops"),
                *("matched_company_id", "matched_contact_id"),
            ),
        ),
    ),
)
