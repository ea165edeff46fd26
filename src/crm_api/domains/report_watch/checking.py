"""What whoever wrote an alert last sees of its metric."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from crm_api.domains.report_watch.reader import maker_of
from crm_api.domains.report_watch.timing import today
from crm_api.domains.reports.metrics import AskedMetric, Metrics
from crm_api.domains.reports.runs import BY_JOB
from crm_api.kit.automation import zone_of
from crm_api.kit.jobs import JobContext


async def value_of(
    context: JobContext,
    actor: Mapping[str, Any],
    metric: str,
    filter: Mapping[str, Any],
    days: int | None,
) -> Decimal | None:
    """The value at this moment, or of the last so many days; raises `CrmError`."""
    reader = await maker_of(context, actor)
    last = None
    if days is not None:
        last = today(reader.now, str(await zone_of(reader)))
    first = last and last - timedelta(days=(days or 1) - 1)
    asked = AskedMetric(name=metric, first=first, last=last, filter=filter)
    found = await Metrics(reader, BY_JOB).of(asked)
    return None if found["value"] is None else Decimal(str(found["value"]))
