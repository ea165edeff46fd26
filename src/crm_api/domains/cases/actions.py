"""What is done with cases, each as one step."""

from typing import Any
from uuid import UUID

from crm_api.domains.cases.models import Case
from crm_api.domains.cases.schemas import CaseScore, CaseStep, CaseVerb
from crm_api.domains.cases.service import CaseService
from crm_api.domains.cases.settings import settings_of
from crm_api.domains.cases.states import WAYS, in_the_way, need_window, past_window
from crm_api.kit.crud.transitions import blocked, need_way, told, ways_from
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict, WrongState


class CaseActions:
    """The actions of cases; whoever acts holds the lock of the case, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.cases = CaseService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a case where it stands, and what stands in the way of it."""
        self.cases.need("read")
        async with at_one_moment(self.tx) as reader:
            case = await CaseService(reader).records.get(id)
        days = settings_of(self.tx).closing_days
        window = {"reopen": past_window(case, self.tx.now, days)}
        allowed = [
            {
                "verb": verb,
                "status": way.after,
                "blockers": told([*in_the_way(case, verb, None), *window.get(verb, ())]),
            }
            for verb, way in ways_from(WAYS, case.status).items()
        ]
        return {"status": case.status, "allowed": allowed}

    async def go(
        self, id: UUID, verb: CaseVerb, data: CaseStep, expected: int | None = None
    ) -> Any:
        """Have a case be assigned, started, resolved and so on; all in the way is told."""
        self.cases.need("update")
        current = await self.cases.locked(id, expected)
        way = need_way("case", WAYS, current.status, verb)
        if faults := in_the_way(current, verb, data):
            raise blocked(faults)
        if verb == "reopen":
            need_window(current, self.tx.now, settings_of(self.tx).closing_days)
            return await self.cases.told(await self.cases.reopen(current))
        values = {"status": way.after, **await self._said(current, data)}
        if verb == "resolve":
            values["resolved_at"] = self.tx.now
        elif verb == "close":
            values["closed_at"] = self.tx.now
        return await self.cases.told(await self.cases.change(current, values, verb=way.event))

    async def _said(self, current: Case, data: CaseStep) -> dict[str, Any]:
        """What is said with it, by the rules of an update."""
        given = {n: v for n, v in data.model_dump().items() if v is not None}
        changed = {n: v for n, v in given.items() if v != getattr(current, n)}
        self.cases.guard.fields(list(changed))
        await self.cases.guard.owner_of(changed, "update", current.owner_id)
        await self.cases.guard.refer(changed)
        return given

    async def rate(self, id: UUID, data: CaseScore, expected: int | None = None) -> Any:
        """Write down what the customer says of a case that is closed; once for each closing."""
        self.cases.need("update")
        current = await self.cases.locked(id, expected)
        if current.status != "closed":
            message = f"The case is {current.status}: it is rated once it is closed."
            raise WrongState(message, code="case_not_closed")
        if current.scored_at is not None:
            raise Conflict("It was rated already.", code="already_rated")
        values = {
            "score": data.score,
            "score_comment": data.comment,
            "scored_at": self.tx.now,
        }
        return await self.cases.told(await self.cases.change(current, values, verb="rated"))
