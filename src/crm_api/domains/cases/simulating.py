"""What a policy would have come to for cases that there were: nothing is stored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from crm_api.domains.cases.clocks import Rules, Track, reckoned
from crm_api.domains.cases.models import Case
from crm_api.domains.cases.policies import SlaPolicyService
from crm_api.domains.cases.repository import CASES, Cases
from crm_api.domains.cases.schemas import SlaDraftSimulation, SlaSimulationInput
from crm_api.domains.cases.service import CaseService
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.json import decode, encode, parsed
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict
from crm_api.kit.query.conditions import check
from crm_api.kit.query.filters import parse
from crm_api.kit.working_time import WorkingTime
from crm_api.platform.calendars.service import WorkingCalendarService, calendars_at

MOST, SLICE = 5_000, 500
_STATES = ("met", "breached", "running", "paused")
_TOLD = ("created_at", "status", "priority", "clocks", "sla_state", "resolved_at", "closed_at")


class SlaSimulator:
    """Runs the clocks of past cases by a policy that is, or might be."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def by_id(self, id: UUID, asked: SlaSimulationInput) -> dict[str, Any]:
        """By a policy that is there, with changes or as it stands; raises `NotFound`."""
        service = SlaPolicyService(self.tx)
        service.need("read")
        found = await service.records.row(id)
        policy = {
            "filter": parsed(found.filter),
            "calendar_id": found.calendar_id,
            **{name: parsed(getattr(found, name)) for name in service.stored_as_json},
        }
        changes: Any = cast("Any", asked).changes
        if changes is not None:
            given = changes.model_dump(include=changes.model_fields_set)
            policy |= {name: value for name, value in given.items() if name in policy}
        return await self._run(policy, asked, "/changes")

    async def draft(self, asked: SlaDraftSimulation) -> dict[str, Any]:
        """By a policy that is not there."""
        SlaPolicyService(self.tx).need("read")
        return await self._run(asked.policy.model_dump(), asked, "/policy")

    async def _run(
        self,
        policy: Mapping[str, Any],
        asked: SlaSimulationInput | SlaDraftSimulation,
        at: str,
    ) -> dict[str, Any]:
        tx = self.tx
        CaseService(tx).need("read")
        for name in _TOLD:
            if name in tx.actor.hidden(Case.entity):
                raise hidden_field(f"case.{name}")
        check(tx, CASES, policy["filter"], f"{at}/filter")
        names = SlaPolicyService.stored_as_json
        stored = {n: decode(encode(policy[n] or [])) for n in names}
        if policy["calendar_id"] is not None:
            await WorkingCalendarService(tx).records.row(policy["calendar_id"])
        rules = Rules.of({"id": UUID(int=0), "calendar_id": policy["calendar_id"], **stored})
        async with at_one_moment(tx) as reader:
            return await _counted(reader, rules, _filter(policy["filter"], asked))


def _filter(
    source: Mapping[str, Any], asked: SlaSimulationInput | SlaDraftSimulation
) -> dict[str, Any]:
    bounds = {"gte": asked.since, "lt": asked.until}
    created = {op: at.isoformat() for op, at in bounds.items() if at is not None}
    parts: list[Mapping[str, Any]] = [source] if source else []
    return {"and": [*parts, {"created_at": created}]} if created else dict(source)


async def _counted(tx: Tx, rules: Rules, source: Mapping[str, Any]) -> dict[str, Any]:
    calendars = await calendars_at(tx, [rules.calendar_id], tx.now)
    time = WorkingTime(calendars[rules.calendar_id], tx.now)
    counts: Counter[tuple[str, str, str]] = Counter()
    filter = parse(source, CASES, tx)
    looked, left_out, before = 0, 0, None
    while looked < MOST:
        rows = await Cases(tx).latest(filter, before, SLICE)
        looked += len(rows)
        left_out += sum(not _count(counts, row, rules, time, tx) for row in rows)
        if len(rows) < SLICE:
            break
        before = rows[-1]["id"]
    is_whole = looked < MOST or not await Cases(tx).latest(filter, before, 1)
    return {
        "looked_at": looked,
        "left_out": left_out,
        "is_whole": is_whole,
        "targets": list(_told(rules, counts)),
    }


def _count(
    counts: Counter[tuple[str, str, str]],
    case: Mapping[str, Any],
    rules: Rules,
    time: WorkingTime,
    tx: Tx,
) -> bool:
    priority = case["priority"]
    try:
        said = reckoned(Track.of(case), priority, rules, time, (), tx.now)
    except Conflict:
        # Older than what calendars reach.
        return False
    counts.update((clock.target, priority, clock.state) for clock in said.clocks)
    return True


def _told(rules: Rules, counts: Mapping[tuple[str, str, str], int]) -> Iterable[dict[str, Any]]:
    asked: Sequence[tuple[str, str]] = list(rules.minutes)
    for target, priority in asked:
        yield {
            "target": target,
            "priority": priority,
            "minutes": rules.minutes[target, priority],
            **{state: counts.get((target, priority, state), 0) for state in _STATES},
        }
