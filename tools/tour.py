"""Take the tour of the README on fresh data, and say what does not come out as told.

Each `sh` block of the tour runs in one shell, as a reader would paste it; the block that follows is
what it should print, where `…` stands for anything.
"""

import difflib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
HERE = "http://127.0.0.1:8000"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "--end of a step--"
# A loaded machine may take as long.
READY_S = 180


class Step(NamedTuple):
    """What is pasted, and what it should print if the tour says so."""

    line: int
    commands: str
    wanted: str | None
    kind: str = ""


def steps() -> list[Step]:
    """The steps of the tour, in their order."""
    text = (ROOT / "README.md").read_text()
    begin = text.index("## A tour")
    tour = text[begin : text.index("\n## ", begin + 1)]
    found: list[Step] = []
    for block in BLOCK.finditer(tour):
        line = text[: begin + block.start()].count("\n") + 1
        kind, inside = block.groups()
        if kind == "sh":
            found.append(Step(line, inside, None))
        else:
            found[-1] = found[-1]._replace(wanted=inside, kind=kind)
    return found


def fits(step: Step, printed: str) -> bool:
    """Whether it was printed as told; of headers those that are shown, in their order."""
    wanted = _lines(step.wanted or "")
    if step.kind == "http":
        wanted = wanted.replace("\n", "…\n…")
    shape = ".*?".join(re.escape(part.strip(" ")) for part in wanted.split("…"))
    return re.fullmatch(shape, _lines(printed), re.DOTALL) is not None


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines() if line.strip())


def take(port: int) -> int:
    """Run the steps against the service at a port; how many did not come out."""
    here = f"http://127.0.0.1:{port}"
    shell = subprocess.Popen(
        ["/bin/bash"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert shell.stdin
    assert shell.stdout
    failed = 0
    for step in steps():
        commands = step.commands.replace(HERE, here).replace(
            ".crm/", f"{os.environ['CRM_DATA_DIR']}/"
        )
        shell.stdin.write(f"{commands}\necho '{END}'\n")
        shell.stdin.flush()
        printed = ""
        for line in iter(shell.stdout.readline, f"{END}\n"):
            if not line:
                sys.exit(f"README.md:{step.line}: the shell has ended\n{printed}")
            printed += line
        printed = printed.replace(here, HERE)
        if step.wanted is not None and not fits(step, printed):
            failed += 1
            print(
                f"README.md:{step.line}: not as told", *_difference(step.wanted, printed), sep="\n"
            )
    shell.stdin.close()
    shell.wait()
    return failed


def _difference(wanted: str, printed: str) -> list[str]:
    return list(difflib.ndiff(_lines(wanted).splitlines(), _lines(printed).splitlines()))


def main() -> None:
    """Start the service on data of its own, take the tour, and stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="crm-tour-") as base:
        os.environ |= {"CRM_PORT": str(port), "CRM_DATA_DIR": f"{base}/data"}
        os.environ |= {"CRM_URL": f"http://127.0.0.1:{port}"}
        with Path(base, "log").open("w") as log:
            command = [f"{ROOT}/.venv/bin/crm-api", "dev"]
            service = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own
        try:
            _wait(service, port, Path(base, "log"))
            failed = take(port)
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(60)
    print(f"{len(steps())} steps, {failed} not as told")
    sys.exit(failed > 0)


def _wait(service: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end and service.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"The service does not begin:\n{log.read_text()}")


if __name__ == "__main__":
    main()
