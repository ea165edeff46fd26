"""What is done once a share of a clock's time is over: exactly once, whoever comes to it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args
from uuid import UUID

from crm_api.domains.cases.clocks import BREACH, Step
from crm_api.domains.cases.models import Case, Priority
from crm_api.kit.db.tables import EventRow
from crm_api.kit.db.tx import Tx
from crm_api.platform.notifications.events import NOTICE
from crm_api.platform.notifications.repository import add_notice, members_of

BREACHED, ESCALATED = "sla_breached", "escalated"
# The key of the table decides who does it: of two workers the second finds it done.
_DONE = """
    INSERT INTO sla_escalations (organization_id, case_id, target, cycle, level, due_at, at)
    SELECT $1, n.* , $7 FROM unnest($2::uuid[], $3::text[], $4::integer[], $5::integer[],
        $6::timestamptz[]) AS n
    ON CONFLICT DO NOTHING RETURNING case_id, target, cycle, level
"""
_TO = ("reassign_to", "reassign_to_team")
_LIVING = """
    SELECT id FROM users WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
        AND status <> 'suspended'
    UNION ALL
    SELECT id FROM teams WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
"""
_FORGET = "DELETE FROM sla_escalations WHERE organization_id = $1 AND case_id = ANY($2)"
Known = dict[tuple[Sequence[UUID], Sequence[UUID]], Sequence[UUID]]
"""Who some users and the members of some teams are, found out once for many cases."""
_HIGHER: Mapping[str, str] = dict(zip(get_args(Priority), get_args(Priority)[1:], strict=False))


async def forget_steps(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """What was done by clocks of cases that are destroyed goes with them."""
    if entity == Case.entity:
        await tx.write(_FORGET, tx.organization_id, list(ids))


async def done_first(
    tx: Tx, steps: Sequence[tuple[UUID, Sequence[Step]]]
) -> set[tuple[UUID, Step]]:
    """Write down that steps are done; those that nobody had done before, with their cases."""
    asked = {(id, s.target, s.cycle, s.share): (id, s) for id, those in steps for s in those}
    if not asked:
        return set()
    ids, targets, cycles, levels = zip(*asked, strict=True)
    dues = [step.at for _, step in asked.values()]
    lists = (list(ids), list(targets), list(cycles), list(levels), dues)
    rows = await tx.write(_DONE, tx.organization_id, *lists, tx.now)
    return {asked[tuple(row)] for row in rows}


async def living(tx: Tx, policies: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Those users and teams that policies hand cases over to and who are still there."""
    steps = [step for policy in policies for step in policy["escalations"]]
    named = {UUID(step[to]) for step in steps for to in _TO if step.get(to) is not None}
    if not named:
        return set()
    return {row["id"] for row in await tx.fetch(_LIVING, tx.organization_id, list(named))}


def steps_of(policy: Mapping[str, Any], step: Step) -> list[Mapping[str, Any]]:
    """What a policy says about a share of a target's time."""
    return [
        one
        for one in policy.get("escalations", ())
        if one["percent"] == step.share and one.get("target") in {None, step.target}
    ]


@dataclass(frozen=True)
class Escalation:
    """A share of a clock's time that is over, and what its policy says about that."""

    step: Step
    actions: Collection[Mapping[str, Any]]

    @property
    def verb(self) -> str:
        """What the event is called."""
        return BREACHED if self.step.share == BREACH else ESCALATED

    @property
    def told(self) -> dict[str, Any]:
        """What the event says beside what changes."""
        step = self.step
        return {
            "target": step.target,
            "cycle": step.cycle,
            "percent": step.share,
            "reached_at": step.at,
        }

    def values(self, case: Case, there: Collection[UUID]) -> dict[str, Any]:
        """What becomes of the case by it; who is not there any more gets nothing."""
        values: dict[str, Any] = {
            "escalation_level": max(case.escalation_level, self.step.share),
        }
        for one in self.actions:
            if one["raises"]:
                values["is_escalated"] = True
            if one.get("raises_priority"):
                values["priority"] = _HIGHER.get(case.priority, case.priority)
            for to, column in zip(_TO, ("owner_id", "team_id"), strict=True):
                id = one.get(to) and UUID(one[to])
                if id in there:
                    values[column] = id
        if case.status == "new" and {"owner_id", "team_id"} & values.keys():
            values["status"] = "assigned"
        return values

    async def tell(self, tx: Tx, case: Case, known: Known) -> None:
        """Tell those whom the policy names; the owner is told of the event itself."""
        users = tuple(UUID(id) for one in self.actions for id in one.get("notify", ()))
        teams = tuple(UUID(id) for one in self.actions for id in one.get("notify_teams", ()))
        if not (users or teams):
            return
        if (users, teams) not in known:
            known[users, teams] = [one["id"] for one in await members_of(tx, users, teams)]
        told = [id for id in known[users, teams] if id != case.owner_id]
        if not told:
            return
        tx.record(
            NOTICE,
            entity=case.entity,
            record_id=case.id,
            version=case.version,
            data={"users": told},
        )
        subject = f"{case.number}: {self.step.share} % ({self.step.target})"
        event = tx.kept(EventRow)[-1]["id"]
        add_notice(tx, event, case.id, subject=subject, text=case.subject)
