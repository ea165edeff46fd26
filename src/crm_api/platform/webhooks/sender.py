"""Sending: claims what is due, posts it, and notes what came back."""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from crm_api.kit import traces
from crm_api.kit.actor import Actor
from crm_api.kit.crud.feed import Feed, Traced
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Forbidden, NotFound, Unauthenticated, Unavailable
from crm_api.kit.jobs import Workplace
from crm_api.kit.meters import WEBHOOK_TIME, WEBHOOKS
from crm_api.kit.outbound.client import Answer, NotSent, Outbound
from crm_api.kit.secrets import Unreadable
from crm_api.platform.webhooks.bodies import body_of
from crm_api.platform.webhooks.events import FAILING
from crm_api.platform.webhooks.parking import kind_of, parked_kinds
from crm_api.platform.webhooks.queue import Attempt, Claimed, DeliveryQueue, Trouble
from crm_api.platform.webhooks.schedule import (
    DISABLED_AFTER,
    LEAST_FAILURES,
    NOTICES,
    delay_of,
    is_overload,
    verdict_of,
)
from crm_api.platform.webhooks.service import WebhookService
from crm_api.platform.webhooks.signing import Safe, signature

log = structlog.get_logger("crm_api.webhooks")

AT_ONCE = 100
ANSWER_KEPT = 1_024
GATHER_S = 0.01
AGAIN_S = 1.0
"""Until what could not be begun is tried again."""
BLOCKED_TRIES = 3
USER_AGENT = "CRM-Webhooks/1"
GONE = 410


class Letter(NamedTuple):
    """What is sent, and the trace that it belongs to."""

    body: bytes
    trace: str


class Sender:
    """Sends for every organization, up to `AT_ONCE` requests at a time in this process."""

    def __init__(self, place: Workplace) -> None:
        self._database, self._again = place.database, place.again
        self._queue = DeliveryQueue(place.shared)
        self._outbound = Outbound(place.database.reach, connections=AT_ONCE)
        self._sending: dict[asyncio.Task[None], Claimed] = {}
        self._untried: dict[UUID, Claimed] = {}
        """What is held, and of which nothing is being sent yet."""
        self._done: list[Attempt] = []
        self._noting: asyncio.Task[None] | None = None
        self._swept = 0.0

    async def look(self) -> bool | None:
        """Begin what is due; whether there may be more at once, None where nothing is due."""
        if time.monotonic() - self._swept > 1:
            self._swept = time.monotonic()
            await self._queue.sweep()
        await self._give_back()
        room = AT_ONCE - len(self._sending)
        if room <= 0:
            return False
        claimed = await self._queue.claim(room)
        self._untried = {one.id: one for one in claimed}
        key = _by_endpoint
        for _, group in groupby(sorted(claimed, key=key), key=key):
            await self._begin(list(group))
        await self._give_back()
        return True if claimed else None

    async def _begin(self, claimed: list[Claimed]) -> None:
        """Send one endpoint's deliveries; its trouble is no other's, the database's not its own."""
        ready, bodies, error = claimed, {}, "event_gone"
        try:
            ready = await self._unparked(claimed)
            bodies = await self._bodies(ready) if ready else {}
        except (Unavailable, OSError) as trouble:
            log.warning("cannot make bodies", error=str(trouble)[:200])
            return
        except Exception:
            log.exception("cannot make bodies", webhook=str(claimed[0].webhook_id))
            error = "not_made"
        for one in claimed:
            del self._untried[one.id]
        for one in ready:
            task = asyncio.create_task(self._send(one, bodies.get(one.id), error))
            self._sending[task] = one
            task.add_done_callback(self._ended)

    async def _give_back(self) -> None:
        """Have what could not be begun be tried in a moment, by whoever comes first."""
        if self._untried:
            await self._queue.release(list(self._untried.values()), AGAIN_S)
            self._untried = {}

    async def _unparked(self, claimed: list[Claimed]) -> list[Claimed]:
        """Those of one endpoint's deliveries whose modules are on; the others wait for them."""
        first, services = claimed[0], WebhookService.types.services
        tx = self._tx(first)
        await tx.learned.learn()
        if not (kinds := parked_kinds(tx, services)):
            return claimed
        parked = [one for one in claimed if kind_of(one.type) in kinds and not one.is_test]
        if parked:
            await self._queue.park(first, kinds)
        return [one for one in claimed if one not in parked]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("cannot send", exc_info=task.exception())

    async def _bodies(self, ready: list[Claimed]) -> dict[Any, Letter]:
        """What is sent, by delivery; read now, so that nothing that was erased is sent."""
        first = ready[0]
        events: dict[Any, Traced] = {}
        try:
            reader = await WebhookService.reader(self._database, first.actor)
            wanted = {one.event_id for one in ready if not one.is_test}
            feed = Feed(reader, WebhookService.types.services)
            events = await feed.some(wanted, thin=first.thin)
        except (Forbidden, Unauthenticated):
            await self._disable(first, "rights_lost")
        bodies: dict[Any, Letter] = {}
        for one in ready:
            found = events.get(one.event_id)
            if one.is_test:
                example = WebhookService.types.example(one.type, one.created_at)
                example["id"] = one.event_id
                found = Traced(example, traces.begun(one.event_id))
            if found is not None:
                body = body_of(found.event, thin=one.thin, fields=one.fields, test=one.is_test)
                bodies[one.id] = Letter(body, found.trace)
        return bodies

    async def _send(self, one: Claimed, letter: Letter | None, error: str) -> None:
        begun = time.monotonic()
        attempt = await self._attempted(one, letter, error, begun)
        WEBHOOKS.add(1, {"outcome": attempt.error or "delivered"})
        WEBHOOK_TIME.record(attempt.latency_ms / 1000)
        self._done.append(attempt)
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note())

    async def _attempted(
        self, one: Claimed, letter: Letter | None, error: str, begun: float
    ) -> Attempt:
        def attempt(outcome: str, **more: Any) -> Attempt:
            latency = int((time.monotonic() - begun) * 1000)
            return Attempt(one, outcome, one.at, latency, **more)

        if letter is None and error == "event_gone":
            return attempt("failed", error=error)
        if letter is None:
            return self._failed(attempt, one, None, error, None)
        try:
            answer = await self._outbound.ask(
                "POST",
                one.url,
                headers=self._headers(one, letter),
                body=letter.body,
                repeatable=True,
            )
        except NotSent as reason:
            return self._failed(attempt, one, None, reason.cause, None)
        except Unreadable:
            return self._failed(attempt, one, None, "unreadable_secret", None)
        if 200 <= answer.status < 300:
            return attempt("succeeded", status=answer.status, answer=_text(answer.body))
        return self._failed(attempt, one, answer, _error_of(answer), answer.headers)

    def _failed(
        self, attempt: Any, one: Claimed, answer: Answer | None, error: str, headers: Any
    ) -> Attempt:
        status = answer.status if answer else None
        more = {"status": status, "error": error, "answer": _text(answer.body) if answer else ""}
        given_up = error in {"aborted", "disabled"} or (
            error == "blocked_address" and one.tries >= BLOCKED_TRIES
        )
        delay = delay_of(
            one.tries,
            overloaded=is_overload(status, error),
            retry_after=(headers or {}).get("retry-after"),
            now=one.at,
        )
        if given_up or delay is None or status == GONE:
            return attempt("failed", **more)
        return attempt("pending", delay_s=delay, **more)

    def _headers(self, one: Claimed, letter: Letter) -> dict[str, str]:
        safe = Safe(self._database.secrets, one.organization_id, one.webhook_id)
        id, timestamp = str(one.event_id), int(one.at.timestamp())
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            **safe.headers(one.sealed_headers),
            "Webhook-Id": id,
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": signature(
                safe.secrets(one.secrets, one.at), id, timestamp, letter.body
            ),
            traces.HEADER: letter.trace,
            "CRM-Webhook-Attempt": str(one.attempts),
            "CRM-Webhook-Endpoint": str(one.webhook_id),
            "CRM-Webhook-Event-Type": one.type,
        }

    async def _note(self) -> None:
        """Note what came back, all that comes within a moment by one statement."""
        follows: list[tuple[list[Attempt], list[Trouble]]] = []
        while True:
            await asyncio.sleep(GATHER_S)
            done, self._done = self._done, []
            if not done and not follows:
                return
            try:
                if done:
                    follows.append((done, await self._queue.finish(done)))
                    self._again()  # there is room for the next ones
            except (CrmError, OSError) as error:
                # If it takes too long, their leases run out: they are sent again as the same.
                log.warning("cannot note deliveries", error=str(error)[:200])
                self._done = [*done, *self._done]
                await asyncio.sleep(1)
                continue
            follows = [one for one in follows if not await self._followed(*one)]
            if follows:
                await asyncio.sleep(1)

    async def _followed(self, done: Iterable[Attempt], troubles: Iterable[Trouble]) -> bool:
        """Do what follows from attempts; whether that is over, if only because it is broken."""
        try:
            await self._follow(done, troubles)
        except (CrmError, OSError) as error:
            log.warning("cannot follow deliveries", error=str(error)[:200])
            return False
        except Exception:
            log.exception("cannot follow deliveries")
        return True

    async def _follow(self, done: Iterable[Attempt], troubles: Iterable[Trouble]) -> None:
        for attempt in done:
            if attempt.status == GONE or attempt.error == "disabled":
                await self._disable(attempt.claimed, "gone")
        for trouble in troubles:
            overdue = trouble.failing_for >= DISABLED_AFTER
            if overdue and trouble.failures >= LEAST_FAILURES:
                await self._disable(trouble, "failing")
                continue
            due = sum(trouble.failing_for >= notice for notice in NOTICES)
            if due > trouble.notices and await self._queue.note(trouble, due):
                await self._warn(trouble)

    async def _disable(self, of: Claimed | Trouble, reason: str) -> None:
        with contextlib.suppress(NotFound):
            async with unit_of_work(self._tx(of)) as tx:
                await WebhookService(tx).switch_off(of.webhook_id, reason)

    async def _warn(self, trouble: Trouble) -> None:
        with contextlib.suppress(NotFound):
            async with unit_of_work(self._tx(trouble)) as tx:
                current = await WebhookService(tx).records.get(trouble.webhook_id)
                left = max(DISABLED_AFTER - trouble.failing_for, timedelta())
                tx.record(
                    FAILING,
                    entity="webhook",
                    record_id=current.id,
                    version=current.version,
                    data={
                        "failing_since": tx.now - trouble.failing_for,
                        "failures": trouble.failures,
                        "disabled_at": tx.now + left,
                    },
                )

    def _tx(self, of: Claimed | Trouble) -> Tx:
        actor = Actor(of.organization_id, "system", scopes=frozenset({"*"}))
        return Tx(self._database, actor)

    async def close(self) -> None:
        """Give back what has not been answered yet."""
        pending = dict(self._sending)
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=5)
        noted = self._noting
        if noted is not None and not noted.done():
            await asyncio.wait([noted], timeout=5)
        with contextlib.suppress(CrmError, OSError):
            await self._queue.release([*pending.values(), *self._untried.values()])
        await self._outbound.close()


def _by_endpoint(one: Claimed) -> tuple[Any, Any]:
    return one.organization_id, one.webhook_id


def _error_of(answer: Answer) -> str:
    verdict = verdict_of(answer.headers)
    if verdict is not None:
        return "aborted" if verdict == "abort-message" else "disabled"
    return "redirect" if 300 <= answer.status < 400 else "http_status"


def _text(body: bytes) -> str:
    """What PostgreSQL takes of an answer."""
    return body[:ANSWER_KEPT].decode("utf-8", "replace").replace("\0", "\ufffd")
