"""The search through a whole collection, in steps that can be resumed."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from crm_api.kit import clock
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.jobs import JobContext, runs
from crm_api.platform.duplicates.events import ScanDuplicates
from crm_api.platform.duplicates.judging import Judge, Verdict
from crm_api.platform.duplicates.model.blocking import Blocks
from crm_api.platform.duplicates.model.comparing import compare
from crm_api.platform.duplicates.model.estimation import Patterns, learn, random_levels
from crm_api.platform.duplicates.model.records import Table, TableBuilder
from crm_api.platform.duplicates.model.scoring import frequencies_of
from crm_api.platform.duplicates.policies import Learnt, Policy
from crm_api.platform.duplicates.repository import MEMORY
from crm_api.platform.duplicates.service import DuplicateService, PolicyService

T = TypeVar("T")

PAGE = 2_000
"""Records that are read, and pairs that are stored, by one transaction."""
FEWEST_TO_LEARN = 1_000
"""Records from which anything can be learnt."""
MOST_ONE_BY_ONE = 1_000
"""Changed records that are looked up each; more of them are cheaper in a whole scan."""
OVERLAP = timedelta(minutes=5)
"""A change is stamped before it is committed; none takes longer."""
PATTERN_PAIRS = 3_000_000
"""Pairs that are enough to learn from."""


@runs(ScanDuplicates)
async def scan_duplicates(context: JobContext, message: ScanDuplicates) -> dict[str, Any] | None:
    """Find the pairs of a kind of record that are probably one."""
    scan = _Scan(context, message)
    await scan.begin()
    if message.repeated and scan.policy.scan_every_hours is None:
        return None
    result = await (scan.changes() if scan.since else scan.whole())
    await scan.end()
    return result


class _Scan:
    """One try at a scan."""

    policy: Policy
    since: datetime | None

    def __init__(self, context: JobContext, message: ScanDuplicates) -> None:
        self._context, self._message = context, message
        self._target = message.target
        self._started = clock.now()
        self._found = 0

    async def begin(self) -> None:
        """Find out what there is to do."""
        tx = self._context.tx(read_only=True)
        await tx.learned.learn()
        self.policy = await PolicyService(tx).of(self._target)
        records = DuplicateService(tx).records
        self._stored = await records.knowledge(self._target)
        self.since = None
        if self._stored and self._stored["scanned_to"] and not self._message.full:
            since: datetime = self._stored["scanned_to"] - OVERLAP
            few = await records.count(self.policy.matcher, since, MOST_ONE_BY_ONE + 1)
            self.since = since if few <= MOST_ONE_BY_ONE else None

    async def end(self) -> None:
        """Remember how far it came, and have it done again in time."""
        async with unit_of_work(self._context.tx()) as tx:
            service = DuplicateService(tx)
            await self._context.job.hold(tx)
            await service.records.store_end(self._target, self._started)
        async with unit_of_work(self._context.tx()) as tx:
            await DuplicateService(tx).repeat(self._target, after=self._context.job.id)

    # Those that changed

    async def changes(self) -> dict[str, Any]:
        """Look each changed record up."""
        assert self.since is not None
        matcher, moment, last, done = self.policy.matcher, self.since, UUID(int=0), 0
        while True:
            async with unit_of_work(self._context.tx()) as tx:
                service = DuplicateService(tx)
                changed = await service.records.changed(matcher, moment, last, 50)
                for record in changed:
                    found = await service.candidates(
                        self._target, record, id=record["id"], policy=self.policy
                    )
                    self._found += await service.keep(self._target, found)
                    await service.let_go(self._target, record["id"], found)
                done += len(changed)
                await self._context.job.advance(tx, done)
            if not changed:
                return {"records": done, "found": self._found, "full": False}
            moment, last = changed[-1]["updated_at"], changed[-1]["id"]

    # All of them

    async def whole(self) -> dict[str, Any]:
        """Compare all that share something, rule by rule."""
        table = await self._read()
        blocks = await self._aside(lambda: Blocks(table, self.policy.rules))
        learnt, begin = await self._learnt(table, blocks)
        judge = Judge(self.policy, learnt)
        for number in range(begin, blocks.rules):
            following = partial(_judged, judge, table, blocks.pairs(number))
            while (found := await self._aside(following)) is not None:
                await self._keep(found, table, number / blocks.rules)
            async with unit_of_work(self._context.tx()) as tx:
                records = DuplicateService(tx).records
                await records.store_position(self._target, self._context.job.id, number + 1)
                await self._advance(tx, len(table), (number + 1) / blocks.rules)
        await self._let_go(len(table))
        return {"records": len(table), "found": self._found, "full": True}

    async def _read(self) -> Table:
        builder, last, count = TableBuilder(self.policy.columns), UUID(int=0), 0
        tx = self._context.tx(read_only=True)
        records = DuplicateService(tx).records
        while page := await records.some_of(self.policy.matcher, last, PAGE):
            for record in page:
                builder.add(record["id"], self.policy.profile(record))
            last, count = page[-1]["id"], count + len(page)
            async with unit_of_work(self._context.tx()) as writing:
                await self._context.job.advance(writing, count)
        return await self._aside(builder.built)

    async def _learnt(self, table: Table, blocks: Blocks) -> tuple[Learnt, int]:
        """What is known of the records, and the rule to go on with."""
        stored = self._stored
        if stored and stored["job_id"] == self._context.job.id:
            self._started = stored["learnt_at"]
            return Learnt.of(self.policy, stored), stored["position"]
        values = await self._aside(lambda: _lesson(self.policy, table, blocks))
        async with unit_of_work(self._context.tx()) as tx:
            records = DuplicateService(tx).records
            await self._context.job.hold(tx)
            job_id = self._context.job.id
            await records.store_knowledge(self._target, **values, job_id=job_id)
        self._context.database.memory.forget((MEMORY, "learnt", tx.organization_id, self._target))
        return Learnt.of(self.policy, values), 0

    async def _keep(self, found: list[Verdict], table: Table, share: float) -> None:
        for begin in range(0, max(len(found), 1), PAGE):
            async with unit_of_work(self._context.tx()) as tx:
                some = found[begin : begin + PAGE]
                self._found += await DuplicateService(tx).keep(self._target, some)
                await self._advance(tx, len(table), share)

    async def _let_go(self, records: int) -> None:
        """Suggestions that this scan did not find are none any more."""
        more = True
        while more:
            async with unit_of_work(self._context.tx()) as tx:
                service = DuplicateService(tx)
                gone = await service.records.not_seen_since(self._target, self._started, PAGE)
                await service.remove(gone)
                await self._advance(tx, records, 1)
                more = bool(gone)

    async def _advance(self, tx: Any, records: int, share: float) -> None:
        await self._context.job.advance(tx, records + int(records * share), 2 * records)

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)


def _judged(judge: Judge, table: Table, pairs: Iterator[Any]) -> list[Verdict] | None:
    """The verdicts on the next chunk of pairs; None at the end."""
    chunk = next(pairs, None)
    return None if chunk is None else judge.judge(table, *chunk)


def _lesson(policy: Policy, table: Table, blocks: Blocks) -> dict[str, Any]:
    """What the records teach, as it is stored."""
    if len(table) < FEWEST_TO_LEARN:
        return {"fields": {}, "frequencies": {}, "rate": 0.0, "records": len(table)}
    patterns, count = Patterns(policy.fields), 0
    for number in range(blocks.rules):
        for left, right in blocks.pairs(number):
            patterns.add([compare(table, field, left, right)[0] for field in policy.fields])
            count += len(left)
            # Of each rule at least one chunk, since each finds other pairs.
            if count >= PATTERN_PAIRS:
                break
    chance = random_levels(table, policy.fields)
    knowledge = learn(policy.fields, len(table), chance, patterns)
    fields = {n: {"alike": w.alike, "unlike": w.unlike} for n, w in knowledge.fields.items()}
    return {
        "fields": fields,
        "frequencies": frequencies_of(table, policy.fields),
        "rate": knowledge.rate,
        "records": len(table),
    }
