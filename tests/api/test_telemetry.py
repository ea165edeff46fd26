"""Metrics that Prometheus fetches, traces that are sent."""

import asyncio
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from crm_api.api import telemetry
from support.processes import Server
from support.servers import environment_of
from support.waiting import patiently


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def collector():
    """Keeps what is sent to it, by path."""
    seen = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.setdefault(self.path, []).append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


async def eventually(what):
    async for _ in patiently():
        if found := what():
            break
    return found


@pytest.mark.timeout(200)
async def test_requests_are_measured_and_traced_by_their_route(settings, org, owner, collector):
    endpoint, seen = collector
    port = free_port()
    server = Server(
        settings,
        CRM_METRICS_PORT=str(port),
        CRM_TELEMETRY="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_COMPRESSION="none",
        OTEL_BSP_SCHEDULE_DELAY="200",
    )
    try:
        await asyncio.to_thread(server.wait)
        async with server.client(org) as client:
            made = (await client.post("/v1/contacts", json={"last_name": "Person"})).json()
            # The direct way, and the one through the framework.
            assert (await client.get(f"/v1/contacts/{made['id']}")).status_code == 200
            assert (await client.get("/v1/contacts?nonsense=1")).status_code == 422
        async with httpx.AsyncClient(trust_env=False) as prometheus:
            text = (await prometheus.get(f"http://127.0.0.1:{port}/metrics")).text
        counted = [line for line in text.splitlines() if "request_duration_seconds_count" in line]
        for route, status in (
            ("/v1/contacts", "201"),
            ("/v1/contacts/{id}", "200"),
            ("/v1/contacts", "422"),
        ):
            assert any(
                f'http_route="{route}"' in line
                and f'http_response_status_code="{status}"' in line
                and line.endswith(" 1.0")
                for line in counted
            ), (route, status, counted)
        assert "crm_request_statements_count" in text
        assert str(org.id) not in text
        wanted = (b"POST /v1/contacts", b"GET /v1/contacts/{id}")
        spans = await eventually(
            lambda: (
                (body := b"".join(seen.get("/v1/traces", [])))
                and all(name in body for name in wanted)
                and body
            )
        )
        assert org.token.encode() not in spans
        # What comes of a request belongs to the span of the request.
        kept = await owner.fetchval("SELECT trace FROM events WHERE record_id = $1", made["id"])
        _, trace, span, flags = kept.split("-")
        assert bytes.fromhex(trace) in spans
        assert bytes.fromhex(span) in spans
        assert int(flags, 16) & 1
    finally:
        server.kill()


def test_a_setting_without_its_packages_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.metrics", None)
    with pytest.raises(telemetry.MissingExtra, match="CRM_METRICS_PORT needs the extra"):
        telemetry.serve_metrics("127.0.0.1", free_port())


def test_a_taken_port_is_no_reason_not_to_serve(settings):
    code = (
        "import socket; from crm_api.api.telemetry import serve_metrics; s = socket.socket(); "
        "s.bind(('127.0.0.1', 0)); s.listen(); serve_metrics('127.0.0.1', s.getsockname()[1])"
    ).replace("'", "'")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment_of(settings), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
