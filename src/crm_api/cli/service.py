"""The service as the command line sees it: its public REST API, and jobs to be waited for."""

import time
from pathlib import Path
from typing import Any, Self

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn

from crm_api.cli.output import Failed, err

LOOK_S = 0.3
# How long the service may be away while a job runs.
AWAY_S = 60.0
UNAVAILABLE = 503


class Refused(Failed):
    """The service has answered that it does not do that."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


class Service:
    """The REST API as a client sees it; a problem document becomes `Failed`."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            # A large upload is written to disk before it is answered.
            timeout=httpx.Timeout(60.0, read=300.0, connect=10.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer."""
        return self._checked(self._send(method, path, **options)).json()

    def save(self, path: str, target: Path) -> None:
        """Write an answer to a file as it arrives."""
        with self._client.stream("GET", path) as answer:
            if answer.is_error:
                answer.read()
            self._checked(answer)
            with target.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)

    def patient(self, path: str) -> Any:
        """The JSON of a GET, though the service be away for a moment."""
        deadline = time.monotonic() + AWAY_S
        while True:
            try:
                answer = self._client.get(path)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise Failed(f"{self.url} does not answer: {error}") from None
            else:
                if answer.status_code != UNAVAILABLE:
                    return self._checked(answer).json()
                if time.monotonic() > deadline:
                    self._checked(answer)
            time.sleep(1)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise Failed(f"{self.url} does not answer: {error}") from None

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if not answer.is_error:
            return answer
        try:
            problem = answer.json()
            lines = [problem["detail"], *(e["message"] for e in problem.get("errors", ()))]
        except (ValueError, KeyError, TypeError):
            lines = [answer.text[:200] or answer.reason_phrase]
        raise Refused(answer.status_code, " ".join(dict.fromkeys(lines)))


def address_of(url: str | None, key: str | None) -> tuple[str, str]:
    """The service and a key for it: what is given, or what a `crm-api dev` of here lends."""
    from crm_api.dev.data_dir import DataDir, url_of
    from crm_api.settings import Settings

    settings = Settings()  # pyright: ignore[reportCallIssue]
    if key is None:
        demo = DataDir(settings.data_dir).find_demo_key()
        if demo is None:
            raise Failed("give --key or CRM_API_KEY; there is no demo key here", code=2)
        key = demo.api_key
    return (url or url_of(settings)).rstrip("/"), key


def progress_bar() -> Progress:
    """Bars on stderr, so that stdout holds the result alone."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    hidden = not err.is_terminal
    return Progress(*columns, MofNCompleteColumn(), console=err, transient=True, disable=hidden)


def follow(
    service: Service,
    progress: Progress,
    job_id: str,
    what: str,
    label: str,
    *,
    total: int | None = None,
) -> dict[str, Any]:
    """Wait for a job with a bar; raises `Failed` unless it succeeds."""
    bar = progress.add_task(label, total=total)
    while True:
        job = service.patient(f"/v1/jobs/{job_id}")
        told = job["progress"]
        progress.update(bar, completed=told["done"], total=told["total"] or total)
        if job["status"] not in {"queued", "running"}:
            break
        time.sleep(LOOK_S)
    progress.remove_task(bar)
    if job["status"] != "succeeded":
        problem: dict[str, Any] = job["error"] or {}
        detail: str = problem.get("detail", "no reason given")
        raise Failed(f"{what} {job['status']}: {detail}")
    return job
