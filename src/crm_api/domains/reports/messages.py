"""The work that reports ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class RunReport(Message):
    """Run a report; each try begins anew, and its result is stored whole or not at all."""

    kind = "reports.run"
    lane = "bulk"
    run_id: UUID
