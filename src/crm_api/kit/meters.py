"""What is counted, for whoever watches the service; nothing is, unless metrics are wanted.

No label names an organization or a person.
"""

from collections.abc import Iterable, Mapping, Sequence

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

_METER = metrics.get_meter("crm_api")

JOBS = _METER.create_counter("crm.jobs", description="Jobs that ended, by kind and outcome.")
JOB_TIME = _METER.create_histogram(
    "crm.job.duration", unit="s", description="How long jobs took, by kind."
)
MISSED_RINGS = _METER.create_counter(
    "crm.jobs.missed_rings", description="Jobs that were found in the table, not rung for."
)
WEBHOOKS = _METER.create_counter(
    "crm.webhooks", description="Attempts to deliver to webhooks, by outcome."
)
WEBHOOK_TIME = _METER.create_histogram(
    "crm.webhook.duration", unit="s", description="How long the receivers of webhooks took."
)
LIMITED = _METER.create_counter(
    "crm.requests.limited", description="Requests that were refused by a rate limit."
)
LOCAL_RATES = _METER.create_counter(
    "crm.rates.local", description="Leases of rates while Redis was away."
)
FOLLOWERS = _METER.create_up_down_counter(
    "crm.followers", description="Streams and sockets that are open."
)
STATEMENTS = _METER.create_histogram(
    "crm.request.statements", description="Statements of a request, by route."
)

Values = Sequence[tuple[float, Mapping[str, str]]]


class Gauge:
    """Where something stands: all of its values are set together, so none outlives its label."""

    def __init__(self, name: str, description: str, unit: str = "") -> None:
        self._values: Values = ()
        self.is_read = False
        """Whether anybody has wanted to know since it was set last."""
        _METER.create_observable_gauge(name, [self._observe], unit=unit, description=description)

    def set(self, values: Values) -> None:
        """From now on it stands so."""
        self._values, self.is_read = values, False

    def _observe(self, _options: CallbackOptions) -> Iterable[Observation]:
        self.is_read = True
        return [Observation(value, labels) for value, labels in self._values]


RELAY_LAG = Gauge(
    "crm.relay.lag", "How long the oldest event waits for an endpoint to take it up.", "s"
)
JOBS_DEPTH = Gauge("crm.jobs.depth", "Jobs that wait or run, by lane and state.")
JOBS_LAG = Gauge("crm.jobs.lag", "How long the oldest job that is due waits, by lane.", "s")
WEBHOOKS_RECENT = Gauge(
    "crm.webhooks.recent",
    "Attempts of the last hour by endpoint and outcome, of the endpoints that failed most.",
)
