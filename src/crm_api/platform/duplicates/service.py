"""The use cases of duplicates."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.actor import hidden_field, missing_right
from crm_api.kit.crud.personal import About, Gone, Impersonal
from crm_api.kit.crud.plain import columns_of, values_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.queued import enqueue_later
from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Invalid, WrongState
from crm_api.kit.query.visibility import ALL, among, sight_of
from crm_api.kit.schema import Create
from crm_api.kit.values.names import fold
from crm_api.platform.duplicates.events import ScanDuplicates
from crm_api.platform.duplicates.judging import Verdict, judged, ordered, pairs_of
from crm_api.platform.duplicates.matcher import Matcher, Record
from crm_api.platform.duplicates.models import Duplicate, DuplicatePolicy
from crm_api.platform.duplicates.policies import Learnt, Policy, check, policy_of, shown
from crm_api.platform.duplicates.repository import MEMORY, Duplicates, Policies
from crm_api.platform.duplicates.schemas import MergePairInput, PolicyInput

MOST_CANDIDATES = 20
Merge = Callable[[Tx, str, UUID, Sequence[UUID], Mapping[str, UUID]], Awaitable[tuple[Any, Any]]]
"""Folds records into one: the transaction, their kind, the winner, the losers, the choices."""


class PolicyService(CrudService[DuplicatePolicy]):
    """What an organization does about duplicates, by kind of record."""

    repository = Policies
    area = "duplicates"
    plural = "duplicate_policies"
    personal = Impersonal("The organization's own rules.")
    plain = False
    records: Policies
    matchers: ClassVar[Mapping[str, Matcher]] = {}

    async def of(self, target: str) -> Policy:
        """The policy for a kind of record."""
        rows = {row["target"]: row for row in await self.records.all()}
        custom = self.tx.catalogue.of(target)
        return policy_of(self.matchers[target], rows.get(target), custom)

    async def current(self, target: str) -> dict[str, Any]:
        """The policy for a kind of record, as clients see it."""
        self.tx.actor.require("duplicates:read")
        return shown(await self.of(target))

    async def put(self, target: str, data: PolicyInput) -> dict[str, Any]:
        """Another policy for a kind of record, as a whole."""
        self.tx.actor.require("duplicates:write")
        self.tx.actor.permitted("manage_settings")
        matcher = self.matchers[target]
        values = data.model_dump()
        if values["unique"] is None:
            values["unique"] = list(matcher.unique)
        check(matcher, data, self.tx.catalogue.of(target))
        await hold_state(self.tx)
        current = await self.records.of(target)
        if current is None:
            values |= {"target": target, "custom": {}, "external_ids": {}}
            self.add(values)
        else:
            await self.change(current, values)
        await self.tx.flush()
        guarded = {row["target"]: row["action"] for row in await self.records.all()}
        await publish_state(self.tx, guarded=guarded)
        if data.scan_every_hours is not None:
            await DuplicateService(self.tx).repeat(target)
        return await self.current(target)


class DuplicateService(CrudService[Duplicate]):
    """Pairs of records that are probably one."""

    repository = Duplicates
    area = "duplicates"
    plural = "duplicates"
    personal = About(
        ("first_id", "second_id"),
        end="removed",
        reason="Tells how two records are alike.",
        entity="target",
    )
    plain = False
    begins = "found"
    records: Duplicates
    matchers: ClassVar[Mapping[str, Matcher]] = {}
    fold: ClassVar[Merge]
    """How the product merges records."""

    # Finding

    async def check(self, target: str, data: Create) -> list[dict[str, Any]]:
        """The records that probably are what a would-be record says."""
        service = self._readable(target)
        given = values_of(data)
        given["custom"] = service.fields.read(given["custom"], self.tx.actor)
        values = service.normalise(given, None, self.tx.actor.country)
        return [_candidate(v) for v in await self.visible(target, values)]

    async def of_record(self, target: str, id: UUID) -> list[dict[str, Any]]:
        """The records that probably are the same as one, as things are now."""
        service = self._readable(target)
        record = await self.records.one(self.matchers[target], id)
        if record is None or not await service.records.sees(id):
            raise await service.records.absence(id)
        found = await self.visible(target, record, id=id)
        known = await self.records.known(target, pairs_of(found))
        return [{**_candidate(v), "duplicate_id": known.get(ordered(id, v.right))} for v in found]

    def _readable(self, target: str) -> CrudService[Any]:
        """The records of a kind, for those who may read them.

        What is hidden of them may not be guessed by what resembles it either.
        """
        service = self.matchers[target].service(self.tx)
        service.need("read")
        for name in sorted(self.tx.actor.hidden(target)):
            raise hidden_field(name)
        return service

    async def visible(
        self, target: str, values: Record, *, id: UUID | None = None
    ) -> list[Verdict]:
        """Those of the candidates that the actor sees."""
        return await self.seen_of(target, await self.candidates(target, values, id=id))

    async def seen_of(self, target: str, found: Sequence[Verdict]) -> list[Verdict]:
        """Those of some verdicts whose other record the actor sees, with all that is compared."""
        listing = self.matchers[target].service.repository.listing
        if self.tx.actor.hidden(target):
            return []
        sight = sight_of(self.tx.actor, listing)
        there = await among(self.tx, listing, sight, [v.right for v in found])
        return [verdict for verdict in found if verdict.right in there]

    async def candidates(
        self,
        target: str,
        values: Record,
        *,
        id: UUID | None = None,
        policy: Policy | None = None,
    ) -> list[Verdict]:
        """What probably is the same as a record of these values, without what is known not to be.

        `left` of each is `id`.
        """
        policy = policy or await PolicyService(self.tx).of(target)
        matcher = policy.matcher
        but, profile = () if id is None else (id,), policy.profile(values)
        others = await self.records.like(matcher, values, profile, but=but)
        if not others:
            return []
        found = judged(policy, await self.learnt(policy), profile, others)
        if id is None:
            return found[:MOST_CANDIDATES]
        named = [replace(v, left=id) for v in found]
        return (await self._undecided(target, named))[:MOST_CANDIDATES]

    async def learnt(self, policy: Policy) -> Learnt:
        """What is known of a collection; asked of the database once in a while."""
        key = (MEMORY, "learnt", self.tx.organization_id, policy.matcher.entity)
        found = self.tx.database.memory.get(key)
        if found is None:
            found = await self.records.knowledge(policy.matcher.entity) or {"fields": None}
            self.tx.database.memory.put(key, found)
        return Learnt.of(policy, found)

    # Remembering

    async def keep(self, target: str, verdicts: Sequence[Verdict]) -> int:
        """Store pairs that were found; returns how many of them are suggestions.

        What somebody has decided stays as it is.
        """
        await self.records.lock(target)
        verdicts = await self._undecided(target, verdicts)
        if not verdicts:
            return 0
        pairs = pairs_of(verdicts)
        known = await self.records.stored(target, pairs)
        again: list[UUID] = []
        for pair, verdict in zip(pairs, verdicts, strict=True):
            current = known.get(pair)
            if current is None:
                self._found(target, pair, verdict)
            elif current.status == "open":
                values = {**verdict.told, "deleted_at": None, "deleted_by": None}
                await self.change(current, values)
                again.append(current.id)
        await self.tx.flush()
        await self.records.seen(again)
        return len(verdicts)

    def _found(self, target: str, pair: tuple[UUID, UUID], verdict: Verdict) -> None:
        values: dict[str, Any] = {
            "target": target,
            "first_id": pair[0],
            "second_id": pair[1],
            "status": "open",
            **verdict.told,
            "merge_id": None,
            "decided_at": None,
            "decided_by": None,
            "seen_at": self.tx.now,
            "custom": {},
            "external_ids": {},
        }
        self.add(values)

    async def _undecided(self, target: str, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Those that nobody has called two."""
        ids = list({id for verdict in verdicts for id in (verdict.left, verdict.right)})
        two = await self.records.dismissed(target, ids) if ids else set[tuple[UUID, UUID]]()
        return [v for v in verdicts if (v.left, v.right) not in two]

    # Deciding

    async def dismiss(self, id: UUID, target: str | None = None) -> Any:
        """Say that a pair is two; it is never suggested again."""
        self.tx.actor.require("duplicates:write")
        current = await self.records.get_of(id, target)
        if current.status == "merged":
            raise WrongState("The pair was merged; undo the merge first.", code="merged")
        return await self._decide(current, "not_duplicate", "dismissed")

    async def dismiss_pair(self, target: str, record_ids: Sequence[UUID]) -> Any:
        """Say of any two records that they are two, whether they were found or not."""
        self.tx.actor.require("duplicates:write")
        if record_ids[0] == record_ids[1]:
            raise Invalid.at("/record_ids/1", "itself", "A record is no duplicate of itself.")
        there = await self._readable(target).records.rows(list(record_ids))
        for place, id in enumerate(record_ids):
            if id not in there:
                message = f"There is no such {target}."
                raise Invalid.at(f"/record_ids/{place}", "unknown_reference", message)
        await self.records.lock(target)
        pair = ordered(*record_ids)
        current = (await self.records.stored(target, [pair])).get(pair)
        if current is None:
            self._found(target, pair, Verdict(*pair, "possible", 0, 0, []))
            await self.tx.flush()
            current = (await self.records.stored(target, [pair]))[pair]
        elif current.deleted_at is not None:
            await self.change(current, {"deleted_at": None, "deleted_by": None})
        return await self._decide(current, "not_duplicate", "dismissed")

    async def reopen(self, id: UUID, target: str | None = None) -> Any:
        """Take back that a pair is two."""
        self.tx.actor.require("duplicates:write")
        current = await self.records.get_of(id, target)
        if current.status == "merged":
            raise WrongState("The pair was merged; undo the merge first.", code="merged")
        values = {"status": "open", "decided_at": None, "decided_by": None, "seen_at": self.tx.now}
        if current.status == "open":
            return self.shown(columns_of(current))
        return await self.change(current, values, verb="reopened")

    async def merge(
        self, id: UUID, data: MergePairInput, target: str | None = None
    ) -> tuple[Any, Any, Any]:
        """Make one record of a pair; returns the pair, the merge and the record."""
        self.tx.actor.require("duplicates:write")
        # Not locked here: the merge locks pairs after the records, in the order of all who do.
        current = await self.records.get_of(id, target, lock=False)
        pair = (current.first_id, current.second_id)
        if current.status == "merged":
            raise WrongState("The pair was merged before.", code="merged")
        # Ids grow with time, and the first of a pair is the smaller one.
        winner = data.winner_id or current.first_id
        if winner not in pair:
            raise Invalid.at("/winner_id", "not_in_pair", "Name one of the pair.")
        loser = pair[winner == pair[0]]
        made, record = await type(self).fold(self.tx, current.target, winner, [loser], data.fields)
        return self.shown(columns_of(current)), made, record

    @classmethod
    async def after_merge(
        cls, tx: Tx, target: str, winner: UUID, losers: Sequence[UUID], merge: UUID
    ) -> None:
        """Bring the pairs in line with a merge; part of it, so that its undoing takes it back."""
        if target in cls.matchers:
            await cls(tx)._follow(target, winner, losers, merge)  # noqa: SLF001

    async def _follow(self, target: str, winner: UUID, losers: Sequence[UUID], merge: UUID) -> None:
        await self.records.lock(target)
        for pair in await self.records.among(target, [winner, *losers]):
            if pair.status != "merged":
                await self._decide(pair, "merged", "merged", merge_id=merge)
        two = await self.records.dismissed(target, [winner])
        for pair in await self.records.open_of(target, winner) if two else ():
            other = pair.second_id if pair.first_id == winner else pair.first_id
            if (winner, other) in two:
                await self._decide(pair, "not_duplicate", "dismissed")

    async def _decide(self, pair: Duplicate, status: str, verb: str, **more: Any) -> Any:
        if pair.status == status:
            return self.shown(columns_of(pair))
        told = {"status": status, "decided_at": self.tx.now, "decided_by": self.tx.actor.id}
        return await self.change(pair, {**told, **more}, verb=verb)

    # Scanning

    async def scan(self, target: str, *, full: bool) -> UUID:
        """Have duplicates looked for; returns the job, which may be at it already."""
        self.tx.actor.require("duplicates:write")
        listing = self._readable(target).records.listing
        if sight_of(self.tx.actor, listing) != ALL:
            # It looks at all of them.
            raise missing_right(f"{listing.area}:read")
        running = await self.records.running(target)
        if running is not None:
            return running
        try:
            async with self.tx.atomic():
                return self.tx.enqueue(ScanDuplicates(target, full), dedupe_key=target)
        except Conflict:
            # Somebody asked at the same moment.
            running = await self.records.running(target)
            if running is None:
                raise
            return running

    async def repeat(self, target: str, *, after: UUID | None = None) -> None:
        """Have what changes looked at in time, as the policy has it, once the job `after` ends."""
        policy = await PolicyService(self.tx).of(target)
        if policy.scan_every_hours is None or await self.records.is_due(target):
            return
        await enqueue_later(
            self.tx,
            ScanDuplicates(target, full=False, repeated=True),
            timedelta(hours=policy.scan_every_hours),
            dedupe_key=f"{target}:{after or 'policy'}",
        )

    async def let_go(self, target: str, id: UUID, found: Sequence[Verdict]) -> None:
        """Take a record's suggestions back that do not hold any more."""
        still = set(pairs_of(found))
        pairs = await self.records.open_of(target, id)
        await self.remove([p for p in pairs if (p.first_id, p.second_id) not in still])


def _candidate(verdict: Verdict) -> dict[str, Any]:
    return {"id": verdict.right, **verdict.told, "duplicate_id": None}


async def forget_values(tx: Tx, gone: Gone) -> int:
    """Forget how common what only a person was called is."""
    words = {word for name in gone.names for word in fold(name).split()}
    values = {*words, *gone.names, *(value for _, value in gone.keys)}
    memory = (MEMORY, "learnt", tx.organization_id, gone.entity)
    tx.database.memory.forget(memory)
    records = DuplicateService(tx).records
    known = await records.knowledge(gone.entity)
    before: dict[str, dict[str, int]] = known["frequencies"] if known else {}
    # Whoever was there twice was counted twice, and merged ones once each.
    most = len(gone.ids) + 1
    after = {
        name: {value: n for value, n in counts.items() if value not in values or n > most}
        for name, counts in before.items()
    }
    if after != before:
        await records.store_frequencies(gone.entity, after)
    return sum(map(len, before.values())) - sum(map(len, after.values()))
