"""Traces and metrics: the framework and `kit/meters.py` make them, this says where they go."""

import structlog
from fastapi.telemetry import TelemetryConfig
from starlette.types import Scope

from crm_api.kit import traces
from crm_api.settings import Settings

log = structlog.get_logger("crm_api.telemetry")

EXTRA = "observability"
# Its switches are looked up again for each request.
_OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


class MissingExtra(Exception):
    """A setting needs packages that are not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"CRM_{name.upper()} needs the extra `{EXTRA}`: crm-api[{EXTRA}]")


def configure(settings: Settings) -> TelemetryConfig:
    """What the framework is told; raises `MissingExtra`.

    With `telemetry`, traces and metrics are sent by OTLP to wherever `OTEL_*` say; with
    `metrics_port`, metrics wait there for Prometheus.
    """
    if not settings.telemetry and settings.metrics_port is None:
        return _OFF
    if settings.metrics_port is not None:
        serve_metrics(settings.host, settings.metrics_port)
    return {
        "tracing": settings.telemetry,
        "metrics": True,
        "logs": False,
        "auto_configure": settings.telemetry,
    }


def serve_metrics(host: str, port: int) -> None:
    """Let Prometheus fetch the metrics of this process; a port that is taken is only a warning."""
    try:
        from opentelemetry import metrics
        from opentelemetry.exporter.prometheus import PrometheusMetricReader
        from opentelemetry.sdk.metrics import MeterProvider
        from prometheus_client import start_http_server
    except ImportError:
        raise MissingExtra("metrics_port") from None
    try:
        start_http_server(port, addr=host)
    except OSError as error:
        # Such as the second process of `serve --workers 2`, whose metrics take OTLP.
        log.warning("no metrics here", port=port, error=error.strerror)
        return
    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))


def trace_of(scope: Scope, header: bytes | None) -> str | None:
    """The trace that a request belongs to: that of its own span, or else the one it came with."""
    telemetry = scope.get("fastapi.telemetry")
    if telemetry is not None and telemetry.span is not None:
        span = telemetry.span.get_span_context()
        if span.is_valid:
            return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    return None if header is None else traces.read(header.decode("latin-1"))


def name_route(scope: Scope, path: str) -> None:
    """Tell a trace and the metrics which route a request took that went past the framework."""
    telemetry = scope.get("fastapi.telemetry")
    if telemetry is None:
        return
    telemetry.route = path
    if telemetry.span is not None:
        telemetry.span.set_attribute("http.route", path)
        telemetry.span.update_name(f"{scope['method']} {path}")
