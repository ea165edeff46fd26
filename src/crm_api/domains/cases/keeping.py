"""Keeping the clocks of cases in line with what happened, and doing what follows from them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from crm_api.domains.cases.clocks import (
    Reckoned,
    Rules,
    Step,
    Track,
    read_clocks,
    reckoned,
    stored_clocks,
)
from crm_api.domains.cases.escalating import Escalation, Known, done_first, living, steps_of
from crm_api.domains.cases.models import Case
from crm_api.domains.cases.repository import CASES
from crm_api.domains.cases.service import CaseService
from crm_api.domains.cases.states import OPEN
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.query.conditions import passing_of
from crm_api.kit.working_time import WorkingTime
from crm_api.platform.calendars.service import calendars_at

log = structlog.get_logger("crm_api.cases")
_POLICIES = """
    SELECT id, is_active AND deleted_at IS NULL AS is_active, filter, targets, calendar_id,
        pause_statuses, escalations
    FROM sla_policies
    WHERE organization_id = $1 AND ((is_active AND deleted_at IS NULL) OR id = ANY($2))
    ORDER BY position, id
"""
_MOST_RAISES = 4
Policy = Mapping[str, Any]


async def keep_clocks(tx: Tx, ids: Collection[UUID]) -> None:
    """Reckon the clocks of cases that were changed anew, whoever changed them."""
    service = CaseService(tx)
    await Keeper(service).keep(await service.records.locked(sorted(ids), everywhere=True))


@dataclass
class _Standing:
    """A case, and what its clocks say."""

    case: Case
    course: Sequence[Any]
    track: Track
    policy: Policy | None
    said: Reckoned


class Keeper:
    """Reckons the clocks of cases, which are locked, however many by the same few statements."""

    def __init__(self, service: CaseService) -> None:
        self.service, self.tx = service, service.tx
        self._named: Known = {}
        self._rules: dict[UUID, Rules] = {}
        # Those of a bulk, of which each case is told with its clocks, look into calendars once.
        self._times: dict[UUID | None, WorkingTime] = service.tx.learned.notes.setdefault(
            Keeper, {}
        )

    async def keep(self, cases: Sequence[Case], *, anew: bool = False) -> None:
        """Have their clocks say what they should, and do what is due by them.

        `anew` is for another policy or calendar: of what had ended before it counted, nothing is
        told.
        """
        kept = {case.id for case in cases}
        for _ in range(_MOST_RAISES):
            cases = await self._keep(cases, anew=anew)
            if not cases:
                break
        # What follows from the clocks themselves needs not be looked at before the commit again.
        self.tx.learned.awaiting.get(Case.entity, set[UUID]()).difference_update(kept)

    async def _keep(self, cases: Sequence[Case], *, anew: bool) -> list[Case]:
        """Those of which a step changed what clocks go by: they are to be looked at once more."""
        policies = await self._policies(cases)
        self._rules = {policy["id"]: Rules.of(policy) for policy in policies}
        chosen = await self._chosen(cases, policies)
        await self._prepare([policy["calendar_id"] for policy in chosen.values()])
        standings = [self._standing(case, chosen.get(case.id), anew=anew) for case in cases]
        fresh = await done_first(self.tx, [(s.case.id, s.said.steps) for s in standings])
        there = await living(self.tx, policies) if fresh else set[UUID]()
        for standing in standings:
            await self._write(standing, fresh, there)
        return [s.case for s in standings if _course_of(s.case) != s.course]

    async def _policies(self, cases: Sequence[Case]) -> list[Policy]:
        held = {case.sla_policy_id for case in cases if case.sla_policy_id is not None}
        rows = await self.tx.fetch(_POLICIES, self.tx.organization_id, list(held))
        return [{name: parsed(value) for name, value in row.items()} for row in rows]

    async def _chosen(
        self, cases: Sequence[Case], policies: Sequence[Policy]
    ) -> dict[UUID, Policy]:
        """The policy of each case: the first that it passes; once it has ended, that it had.

        What had ended before there was a policy has none.
        """
        known = {policy["id"]: policy for policy in policies}
        chosen: dict[UUID, Policy] = {}
        asking: list[UUID] = []
        for case in cases:
            if case.status in OPEN:
                asking.append(case.id)
            elif case.sla_policy_id in known:
                chosen[case.id] = known[case.sla_policy_id]
        for policy in policies:
            if policy["is_active"] and asking:
                fit = await passing_of(self.tx, CASES, asking, policy["filter"], unfit=False)
                chosen |= dict.fromkeys(fit, policy)
                asking = [id for id in asking if id not in fit]
        return chosen

    async def _prepare(self, calendars: Collection[UUID | None]) -> None:
        new = set(calendars) - self._times.keys()
        if new:
            found = await calendars_at(self.tx, new, self.tx.now)
            self._times |= {id: WorkingTime(one, self.tx.now) for id, one in found.items()}

    def _standing(self, case: Case, policy: Policy | None, *, anew: bool) -> _Standing:
        before = read_clocks(case.clocks)
        rules = None if policy is None else self._rules[policy["id"]]
        time = None if rules is None else self._times[rules.calendar_id]
        track = Track.of(columns_of(case))
        try:
            said = reckoned(track, case.priority, rules, time, before, self.tx.now)
        except Conflict as error:
            # Beyond the years that a calendar reaches nothing is counted.
            log.warning("clocks of a case stand", case=str(case.id), error=error.detail)
            said = Reckoned(before, (), None)
        if anew:
            known = {clock.key for clock in before}
            over = {c.key for c in said.clocks if c.met_at is not None and c.key not in known}
            steps = [step for step in said.steps if (step.target, step.cycle) not in over]
            said = Reckoned(said.clocks, steps, said.next_at)
        return _Standing(case, _course_of(case), track, policy, said)

    async def _write(
        self, standing: _Standing, new: Collection[tuple[UUID, Step]], there: Collection[UUID]
    ) -> None:
        """Write down what the clocks say, and what follows from it, each as what happened."""
        case, said, policy = standing.case, standing.said, standing.policy
        if not case.sla_track:
            # Before anything changes: a step may have the case enter another state.
            self.tx.change(case, {"sla_track": standing.track.stored()})
        shown: dict[str, Any] = {
            "sla_policy_id": None if policy is None else policy["id"],
            "sla_state": said.state,
            "next_due_at": said.next_due_at,
            "first_responded_at": standing.track.first_response,
            "clocks": stored_clocks(said.clocks),
        }
        for step in said.steps:
            shown["clocks"] = _escalated(shown["clocks"], step)
            if (case.id, step) not in new:
                continue
            escalation = Escalation(step, steps_of(policy or {}, step))
            values = shown | escalation.values(case, there)
            told = escalation.told
            await self.service.amend(case, values, verb=escalation.verb, told=told)
            await escalation.tell(self.tx, case, self._named)
        if any(getattr(case, name) != value for name, value in shown.items()):
            await self.service.amend(case, shown, verb="sla_changed")
        if case.sla_next_at != said.next_at:
            self.tx.change(case, {"sla_next_at": said.next_at})


def _escalated(clocks: Sequence[dict[str, Any]], step: Step) -> list[dict[str, Any]]:
    """Stored clocks, a step of one of which was taken."""
    key = step.target, step.cycle
    return [
        {**clock, "escalated": [*clock["escalated"], step.share]}
        if (clock["target"], clock["cycle"]) == key
        else clock
        for clock in clocks
    ]


def _course_of(case: Case) -> Sequence[Any]:
    """What steps change of a case, and what its clocks and the choice of its policy hang on."""
    return case.priority, case.status, case.owner_id, case.team_id
