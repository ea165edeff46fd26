"""The work that schedules and alerts ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class DeliverReport(Message):
    """Tell one recipient of one occurrence; tried again it is told once."""

    kind = "reports.deliver"
    lane = "bulk"
    delivery_id: UUID


@dataclass(frozen=True)
class CheckAlert(Message):
    """Look at the metric of an alert."""

    kind = "alerts.check"
    lane = "bulk"
    alert_id: UUID
