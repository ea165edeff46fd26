"""What contracts give users to do: those that are to be renewed."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.orders.contracts import ContractService
from crm_api.kit.work import Asked, Item, Workload, between, listed


def _ending(asked: Asked) -> Mapping[str, Any]:
    return {
        "owner_id": {"eq": str(asked.user_id)},
        "status": {"eq": "active"},
        **between(asked, "ends_on", by_day=True),
    }


def _item(_asked: Asked, row: Any) -> Item:
    return Item(
        entity="contract",
        id=row.id,
        title=row.name or "",
        kind="renewal",
        day=row.ends_on,
        version=row.version,
        updated_at=row.updated_at,
        links={"company_id": row.company_id, "contact_id": row.contact_id},
    )


WORK = (
    Workload(
        "contracts.renewals",
        ContractService.area,
        listed(
            ContractService,
            _ending,
            _item,
            sort="ends_on",
            fields=("name", "company_id", "contact_id", "ends_on"),
        ),
    ),
)
