"""How long jobs are kept that have ended."""

from crm_api.kit.db.database import Database
from crm_api.kit.files.store import Files
from crm_api.kit.jobs import forgetting

DAYS, FAILED_DAYS = 30, 90
_kept = [DAYS, FAILED_DAYS]


def keep_jobs(days: int, failed_days: int) -> None:
    """Have ended jobs be kept so many days from here on, and those that failed so many."""
    _kept[:] = [days, max(days, failed_days)]


async def forget_jobs(database: Database, files: Files) -> None:
    """Remove old ones, but for those that something still stands by."""
    days, failed_days = _kept
    await forgetting(f"SELECT crm_forget_jobs($1, {days:d}, {failed_days:d}) AS number")(
        database, files
    )
