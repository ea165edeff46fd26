"""What was done with whoever is enrolled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.conversations.sending import kept_back
from crm_api.domains.conversations.service import MessageService
from crm_api.domains.sequences.models import SequenceEnrolment, SequenceStepRun
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id

_UNTIL = """
    SELECT result ->> 'until' AS until FROM sequence_step_runs
    WHERE organization_id = $1 AND enrolment_id = $2 AND place = $3 AND round = $4
"""
_SETTLE = """
    UPDATE sequence_step_runs SET outcome = $5, reasons = $6::jsonb, ended_at = $7
    WHERE organization_id = $1 AND enrolment_id = $2 AND place = $3 AND round = $4
"""
_LEFT = """
    UPDATE sequence_step_runs SET outcome = 'sent', ended_at = coalesce(ended_at, $3)
    WHERE organization_id = $1 AND message_id = ANY($2) AND outcome = 'queued'
"""
# Once: the mail before the first answer is the one that was answered.
_REPLIED = """
    UPDATE sequence_step_runs SET replied_at = $3
    WHERE organization_id = $1 AND id = (
        SELECT id FROM sequence_step_runs WHERE organization_id = $1 AND enrolment_id = $2
            AND action = 'mail' AND outcome IN ('sent', 'queued') AND taken_at <= $3
        ORDER BY taken_at DESC, id DESC LIMIT 1)
    AND replied_at IS NULL
"""
_LAST_ROUND = """
    SELECT coalesce(max(round), 0) AS round FROM sequence_step_runs
    WHERE organization_id = $1 AND enrolment_id = $2
"""
_COUNT_MAILS = """
    SELECT count(*) AS number FROM (
        SELECT FROM sequence_step_runs WHERE organization_id = $1 AND {column} = $2
            AND action = 'mail' AND taken_at >= $3
            AND outcome IN ('queued', 'sent') LIMIT $4) AS counted
"""
_MAILS = {column: _COUNT_MAILS.format(column=column) for column in ("sequence_id", "sender_id")}
_LOG = """
    SELECT id, version, place, round, action, outcome, sender_id, message_id, task_id, variant,
        reasons, result, taken_at, ended_at, replied_at
    FROM sequence_step_runs WHERE organization_id = $1 AND enrolment_id = $2
    ORDER BY taken_at, id
"""
_FORGET_RUNS = """
    DELETE FROM sequence_step_runs WHERE organization_id = $1 AND enrolment_id = ANY($2)
"""


class StepRuns:
    """The log of what was done."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def note(self, enrolment: SequenceEnrolment, **values: Any) -> None:
        """Write down a step that is taken; nobody can take it again in the same round."""
        self.tx.insert(
            SequenceStepRun,
            {
                "id": new_id(),
                "sequence_id": enrolment.sequence_id,
                "version": enrolment.sequence_version or 0,
                "enrolment_id": enrolment.id,
                "round": enrolment.round,
                "sender_id": enrolment.sender_id,
                "taken_at": self.tx.now,
                "message_id": None,
                "task_id": None,
                "variant": None,
                "reasons": [],
                "result": {},
                "ended_at": None,
                "replied_at": None,
                **values,
            },
        )

    async def settle(
        self, enrolment: SequenceEnrolment, outcome: str, reasons: Sequence[str] = ()
    ) -> None:
        """Write down what came of the step that is waited for."""
        args = (enrolment.id, enrolment.step, enrolment.round, outcome, encode(list(reasons)))
        await self.tx.write(_SETTLE, self.tx.organization_id, *args, self.tx.now)

    async def left(self, message_ids: Sequence[UUID]) -> None:
        """Write down that some mails have left, also of whoever is through with it."""
        if message_ids:
            await self.tx.write(_LEFT, self.tx.organization_id, list(message_ids), self.tx.now)

    async def until(self, enrolment: SequenceEnrolment) -> datetime | None:
        """Until when the step waits that is waited for."""
        args = (enrolment.id, enrolment.step, enrolment.round)
        rows = await self.tx.fetch(_UNTIL, self.tx.organization_id, *args)
        return datetime.fromisoformat(rows[0]["until"]) if rows and rows[0]["until"] else None

    async def replied(self, id: UUID, at: datetime) -> None:
        """Write down that they answered to the last mail."""
        await self.tx.write(_REPLIED, self.tx.organization_id, id, at)

    async def last_round(self, id: UUID) -> int:
        """The highest round in which a step was taken."""
        rows = await self.tx.fetch(_LAST_ROUND, self.tx.organization_id, id)
        return rows[0]["round"]

    async def mails_since(self, column: str, id: UUID, since: datetime, most: int) -> int:
        """How many mails of a sequence or of a sender left since, counted up to a number."""
        rows = await self.tx.fetch(_MAILS[column], self.tx.organization_id, id, since, most)
        return rows[0]["number"]

    async def of(self, id: UUID) -> list[dict[str, Any]]:
        """All that was done in an enrolment, in order."""
        rows = await self.tx.fetch(_LOG, self.tx.organization_id, id)
        return [
            {**row, "reasons": decode(row["reasons"]), "result": decode(row["result"])}
            for row in rows
        ]

    async def forget(self, ids: Sequence[UUID]) -> None:
        """Remove what was kept of enrolments."""
        await self.tx.write(_FORGET_RUNS, self.tx.organization_id, list(ids))


WITHDRAWN = "withdrawn"
"""What a mail failed by, and came of its step, that was kept back."""


async def withdraw(tx: Tx, one: SequenceEnrolment) -> bool:
    """Keep the mail back that an enrolment waits for; False where it is leaving already."""
    if one.waiting_for != "message" or one.message_id is None:
        return True
    messages = MessageService(tx)
    await messages.with_thread(one.message_id)
    found = await messages.records.locked([one.message_id], everywhere=True)
    if not found or found[0].status != "queued":
        return True
    if await kept_back(tx, found[0], WITHDRAWN) is None:
        return False
    await StepRuns(tx).settle(one, WITHDRAWN)
    return True
