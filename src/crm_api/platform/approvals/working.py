"""What waits for users to decide it."""

from collections.abc import Sequence

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden
from crm_api.kit.query.filters import parse
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.work import LOOKED_AT, Asked, Fact, Item, Workload
from crm_api.platform.approvals.repository import APPROVALS, Delegations
from crm_api.platform.approvals.service import ApprovalService

_FIELDS = ("id", "version", "updated_at", "policy_name", "due_at")
_WAITS = Fact("waits_for_you", 0, "Somebody waits for this decision.")


async def _load(tx: Tx, asked: Asked) -> Sequence[Item]:
    """What a user is asked now, or somebody for whom they stand in."""
    people = [asked.user_id, *await Delegations(tx).stood_in_for(asked.user_id)]
    wanted = {
        "status": {"eq": "pending"},
        "or": [{"waiting_for": {"has": str(one)}} for one in people],
        "and": [
            {"or": [{"due_at": {"is_null": True}}, {"due_at": {"lte": asked.until.isoformat()}}]}
        ],
    }
    try:
        filter = parse(wanted, APPROVALS, tx)
        query = PageQuery(Selection(_FIELDS), filter, sort="created_at", limit=LOOKED_AT)
        page = await ApprovalService(tx).page(query)
    except Forbidden:
        return ()
    return [
        Item(
            entity="approval",
            id=row.id,
            title=row.policy_name or "",
            kind="approval",
            due_at=row.due_at,
            facts=(_WAITS,),
            version=row.version,
            updated_at=row.updated_at,
        )
        for row in page.data
    ]


WORK = (Workload("approvals.waiting", ApprovalService.area, _load),)
