"""How long `crm-api dev` takes from an empty directory to its first answer."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_most
from benchmarks.stage import ROOT

WITHIN_S = 15
_GIVE_UP_S = 90.0


def run(setting: Setting) -> Outcome:
    """From nothing to the first answer."""
    del setting
    seconds = measure()
    figure = at_most("first answer from nothing, seconds", seconds, WITHIN_S, "{:.1f}")
    return Outcome([figure], details={"seconds": seconds})


def measure() -> float:
    """Seconds until `/readyz` says yes: servers made and started, schema migrated."""
    directory = tempfile.mkdtemp(prefix="crm-first-")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    environment = {**kept, "CRM_DATA_DIR": directory, "CRM_PORT": str(port)}
    command = [sys.executable, "-c", "from crm_api.cli import main; main()", "dev"]
    nowhere = subprocess.DEVNULL
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=nowhere, stderr=nowhere)
    try:
        while process.poll() is None and time.monotonic() < begun + _GIVE_UP_S:
            if _ready(f"http://127.0.0.1:{port}/readyz"):
                return time.monotonic() - begun
            time.sleep(0.05)
        raise NotMeasured(f"crm-api dev: no answer (exit code {process.poll()})")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(directory, ignore_errors=True)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


SECTION = Section("How long `crm-api dev` takes to its first answer", run, within_s=120)
