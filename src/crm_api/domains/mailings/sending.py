"""Sending: claims what is due, hands it to the mail server, and notes what came of it."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import groupby
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog

from crm_api.domains.conversations.matching import mark_bounced
from crm_api.domains.mailings.bouncing import heed_soft
from crm_api.domains.mailings.claiming import (
    HANDING_S,
    Held,
    Result,
    finish,
    hand_over,
    settle_left_behind,
    still_held,
)
from crm_api.domains.mailings.preparing import Preparing, Ready
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, ModuleClosed, Unavailable
from crm_api.kit.jobs import Workplace
from crm_api.kit.relaying import Handover
from crm_api.kit.rounds import Resting
from crm_api.kit.smtp import LetterRefused, NotEnded
from crm_api.platform.outreach.gate import take_back
from crm_api.platform.outreach.unsubscribing import suppress

log = structlog.get_logger("crm_api.mailings")

AT_ONCE = 300
BATCH = 150
MAILINGS_AT_ONCE = 20
GATHER_S = 0.005
MOST_TRIES = 5
FIRST_WAIT_S = 300.0
_SWEEP_S = 1.0
_NOTED_AGAIN_S = 1.0
_DUE = "SELECT organization_id, id FROM crm_mailings_due($1)"
_LEFT = "SELECT id FROM crm_organizations_with_left_sends($1) AS id"
T = TypeVar("T")
_Handing = tuple[Held, Handover]


class Gathered(Generic[T]):
    """Things that are done together: all that come within a moment, by one call."""

    def __init__(
        self, work: Callable[[list[tuple[T, asyncio.Future[bool]]]], Awaitable[None]]
    ) -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[bool]]] = []
        self._task: asyncio.Task[None] | None = None

    async def do(self, one: T) -> bool:
        """Have one be done with others; what came of it."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append((one, waiting))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._go_on())
        return await waiting

    async def _go_on(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_S)
            those, self._waiting = self._waiting, []
            try:
                await self._work(those)
            except Exception as error:
                if not isinstance(error, CrmError | OSError):
                    log.exception("cannot note mails")
                for _, waiting in those:
                    if not waiting.done():
                        waiting.set_exception(error)


class Sender:
    """Sends for every organization, up to `AT_ONCE` mails at a time in this process."""

    def __init__(self, place: Workplace) -> None:
        self._database, self._shared, self._again = place.database, place.shared, place.again
        self._relay, self._public_url = place.relay, place.public_url
        self._sending: set[asyncio.Task[None]] = set()
        self._handing = Gathered[_Handing](self._hand_over)
        self._noting = Gathered[Result](self._note)
        self._swept = 0.0
        self._broken = Resting()

    async def look(self) -> bool | None:
        """Begin what is due; whether there may be more at once, None where nothing is due."""
        await self._sweep()
        room = AT_ONCE - len(self._sending)
        if room < BATCH:
            return False
        broken = set(self._broken.now())
        found = await self._shared.ask(_DUE, MAILINGS_AT_ONCE + len(broken))
        is_more, due = False, [row for row in found if row["id"] not in broken]
        if not due:
            return None
        for row in due:
            most = min(BATCH, AT_ONCE - len(self._sending))
            if most <= 0:
                break
            ready, number = await self._prepared(row["organization_id"], row["id"], most)
            for one in ready:
                task = asyncio.create_task(self._send(one))
                self._sending.add(task)
                task.add_done_callback(self._ended)
            is_more = is_more or number > 0
        return is_more and len(self._sending) + BATCH <= AT_ONCE

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("cannot send", exc_info=task.exception())
        if len(self._sending) + BATCH == AT_ONCE or not self._sending:
            self._again()  # there is room for the next ones

    async def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._swept < _SWEEP_S:
            return
        self._swept = now
        for row in await self._shared.ask(_LEFT, MAILINGS_AT_ONCE):
            async with unit_of_work(self._tx(row["id"])) as tx:
                await settle_left_behind(tx)

    async def _prepared(
        self, organization_id: UUID, mailing_id: UUID, most: int
    ) -> tuple[list[Ready], int]:
        """One organization's trouble is not the others'."""
        try:
            await self._database.catalogues.of(organization_id, is_fresh=True)
            async with unit_of_work(self._tx(organization_id)) as tx:
                tx.actor.require("mailings:write")
                ready = await Preparing(tx, self._public_url).next(mailing_id, most)
            self._broken.remove([mailing_id])
            return ready
        except ModuleClosed:
            return [], 0
        except CrmError as error:
            log.warning("cannot prepare", mailing=str(mailing_id), error=error.detail)
            return [], 0
        except Exception:
            log.exception("cannot prepare", mailing=str(mailing_id))
            self._broken.add([mailing_id])
            return [], 0

    async def _send(self, one: Ready) -> None:
        try:
            handover = await self._relay.begin(one.letter)
        except (CrmError, ValueError) as error:
            await self._noted(_failed(one, error))
            return
        if not await self._is_ended(one, handover):
            return
        try:
            await handover.taken()
        except (LetterRefused, NotEnded) as error:
            result = _failed(one, error)
        except (Unavailable, OSError):
            # It has the mail, or has not: it is not sent again.
            result = Result(one.held, "uncertain")
        else:
            result = Result(one.held, "sent")
        await self._noted(result)

    async def _is_ended(self, one: Ready, handover: Handover) -> bool:
        """Whether its end was sent: the lease runs, and nobody has stopped the mailing."""
        try:
            is_ended = await self._handing.do((one.held, handover))
        except BaseException:
            await handover.drop()
            raise
        if not is_ended:
            await handover.drop()
            await self._noted(Result(one.held, "queued", ["stopped"]))
        return is_ended

    async def _hand_over(self, those: list[tuple[_Handing, asyncio.Future[bool]]]) -> None:
        """Ask which of them may still leave, write down that these do, and end them, at once."""
        begun = asyncio.get_running_loop().time()
        found = await still_held(self._shared, [held for (held, _), _ in those])
        ours = [one for one in those if one[0][0].id in found]
        ended = False

        def end() -> None:
            nonlocal ended
            # A process that stood still meanwhile has lost them.
            if asyncio.get_running_loop().time() - begun < HANDING_S / 2:
                ended = True
                for (_, handover), _ in ours:
                    handover.end()

        try:
            if ours:
                await hand_over(self._shared, [held for (held, _), _ in ours], end)
        except (CrmError, OSError):
            # What has left is noted with what the server says of it.
            if not ended:
                raise
        for (held, _), waiting in those:
            if not waiting.done():
                waiting.set_result(ended and held.id in found)

    async def _noted(self, result: Result) -> None:
        """Note it, however long the database is away: who gave up would have it sent again."""
        loop = asyncio.get_running_loop()
        end = loop.time() + HANDING_S
        while True:
            try:
                await self._noting.do(result)
            except (CrmError, OSError):
                if loop.time() > end:
                    raise
                await asyncio.sleep(_NOTED_AGAIN_S)
            else:
                return

    async def _note(self, those: list[tuple[Result, asyncio.Future[bool]]]) -> None:
        def own(one: tuple[Result, Any]) -> UUID:
            return one[0].held.organization_id

        for organization_id, group in groupby(sorted(those, key=own), key=own):
            found = list(group)
            error: Exception | None = None
            try:
                async with unit_of_work(self._tx(organization_id)) as tx:
                    stayed = await finish(tx, [result for result, _ in found])
                    await _heed(tx, stayed)
            except Exception as raised:  # noqa: BLE001 - whoever waits for these raises it
                error = raised
            for _, waiting in found:
                if waiting.done():
                    continue
                if error is None:
                    waiting.set_result(True)
                else:
                    waiting.set_exception(error)

    def _tx(self, organization_id: UUID) -> Tx:
        return Tx(self._database, Actor(organization_id, "system", scopes=frozenset({"*"})))

    async def close(self) -> None:
        """Let what is under way come to its end; what does not is left to its lease."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=5)
        for task in list(self._sending):
            task.cancel()
        await self._relay.close()


async def _heed(tx: Tx, stayed: list[Any]) -> None:
    """What did not leave counts no more as sent; addresses that there are not are reached no more."""
    if stayed:
        await take_back(tx, [row["id"] for row in stayed])
    bounced = [row for row in stayed if row["status"] == "bounced"]
    for row in bounced:
        if row["bounce"] == "hard":
            await mark_bounced(tx, row["contact_id"], row["address"])
            await suppress(tx, row["address"], "hard_bounce")
    soft = [(row["contact_id"], row["address"]) for row in bounced if row["bounce"] == "soft"]
    await heed_soft(tx, soft)


def _failed(one: Ready, error: Exception) -> Result:
    held = one.held
    if isinstance(error, LetterRefused):
        said = f"{error.reply} {error.said}"
        if error.is_unknown_address:
            return Result(held, "bounced", ["unknown_address"], said, bounce="hard")
        if error.is_lasting:
            return Result(held, "failed", ["refused"], said)
        if one.tries + 1 >= MOST_TRIES:
            return Result(held, "bounced", ["given_up"], said, bounce="soft")
        return Result(held, "queued", ["put_off"], said, FIRST_WAIT_S * 2**one.tries)
    if isinstance(error, CrmError):
        # The mail server is away: that is no fault of the mail.
        return Result(held, "queued", [error.own_code], None, 30.0)
    return Result(held, "failed", ["unsendable"], str(error)[:500])
