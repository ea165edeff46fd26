"""What an organization uses."""

from crm_api.kit.db.tx import Tx
from crm_api.kit.rates import Account
from crm_api.platform.quotas.repository import file_bytes_of, quotas_of, users_of
from crm_api.platform.quotas.schemas import CountedOut, RateOut, UsageOut, UsedOut


class UsageService:
    """The quotas of the actor's organization."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def usage(self, account: Account | None) -> UsageOut:
        """Every quota, and how much of it is used; `account` is where the request is counted."""
        quotas = await quotas_of(self.tx)
        rates = [] if account is None else account.standing
        return UsageOut(
            rates=[
                RateOut(
                    name=quota.name,
                    points=quota.points,
                    window_s=quota.window_s,
                    left=left,
                    full_in_s=full_in_s,
                )
                for quota, left, full_in_s in rates
            ],
            users=UsedOut(limit=quotas["users"], used=await users_of(self.tx)),
            records=CountedOut(
                limit=quotas["records"],
                used=None if quotas["records"] is None else quotas["records_used"],
            ),
            file_bytes=UsedOut(limit=quotas["file_bytes"], used=await file_bytes_of(self.tx)),
        )
