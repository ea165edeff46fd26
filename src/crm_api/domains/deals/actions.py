"""What is done with deals: moved, won, lost, reopened, copied; each as one step."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import defstruct, structs

from crm_api.domains.deals.competing import undecided, won_by
from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.pipeline_schemas import StageRemoval
from crm_api.domains.deals.pipelines import StageService
from crm_api.domains.deals.placing import Placing
from crm_api.domains.deals.policies import STEP, full, need_decided
from crm_api.domains.deals.reckoning import given_of
from crm_api.domains.deals.repository import Ground
from crm_api.domains.deals.schemas import (
    DealClosing,
    DealCreate,
    DealLoss,
    DealMoveInput,
    DealReopening,
    DealWin,
)
from crm_api.domains.deals.service import DealService, Step
from crm_api.domains.deals.states import Blockers, need_status
from crm_api.domains.deals.winning import Consequences, Win
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.transitions import blocked, told
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Fault, Invalid, WrongState
from crm_api.kit.faults import together

REOPEN = "reopen_deals"
_COPIED = (
    *("name", "company_id", "contact_id", "amount_mode", "currency", "probability_override"),
    "promises",
    *("forecast_override", "tags", "source", "description", "owner_id"),
)

_MADE = ("order_id", "project_id")


class DealActions:
    """The actions of deals; whoever acts holds the lock of the deal, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.deals = DealService(tx)

    # Looking

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """Where a deal may go, and what stands in the way of everything else."""
        self.deals.need("read")
        async with at_one_moment(self.tx) as reader:
            return await DealActions(reader)._ways(id)  # noqa: SLF001 - the same, at one moment

    async def _ways(self, id: UUID) -> dict[str, Any]:
        deal = await self.deals.records.get(id)
        stages = await self.deals.stages.grounds(deal.pipeline_id)
        allowed: list[Mapping[str, Any]] = []
        if deal.status == "open":
            blockers = Blockers(self.tx, columns_of(deal), _need(stages))
            for stage in stages:
                if stage["id"] != deal.stage_id:
                    verb, of = {
                        "open": ("move", blockers.of_move),
                        "won": ("win", blockers.of_win),
                        "lost": ("lose", blockers.of_loss),
                    }[stage["kind"]]
                    faults = await of(stage)
                    if verb == "win":
                        won = Win(self.tx, deal, DealWin.model_validate({}))
                        faults = [*faults, *await Consequences.blockers(won)]
                    allowed.append(_way(verb, stage, faults))
        elif stages:
            before = await self._stage_before(deal, stages)
            faults = [*self._of_right(), *await full(self.tx, before)]
            allowed.append(_way("reopen", before, faults))
        return {"status": deal.status, "stage_id": deal.stage_id, "allowed": allowed}

    def _of_right(self) -> Sequence[Fault]:
        access = self.tx.actor.access
        if access is None or access.holds(REOPEN):
            return ()
        return [Fault("missing_right", f"It takes the right {REOPEN}.", "/status")]

    # Acting

    async def move(self, id: UUID, data: DealMoveInput, expected: int | None = None) -> Any:
        """Go to another open stage, or to another place in the column."""
        self.deals.need("update")
        await self._lock_column(id, data)
        current = await self._begun(id, "move", expected)
        target_id = data.stage_id or current.stage_id
        target = await self._target(target_id)
        blockers = await self._blockers(current)
        if faults := await blockers.of_move(target):
            raise blocked(faults)
        values = {}
        if data.before is not None or data.after is not None:
            placing = Placing(self.deals.records, target_id, id)
            values = {"rank": await placing.rank(before=data.before, after=data.after)}
        if target_id != current.stage_id:
            return await self._gone(current, Step(target, "moved", values, data.comment))
        place = {"before": data.before, "after": data.after}
        if values:
            shown = await self.deals.change(current, values, verb="ranked", told=place)
            return await self.deals.told(shown)
        return await self.deals.told(self.deals.shown_of(current))

    async def win(self, id: UUID, data: DealWin, expected: int | None = None) -> Any:
        """Close a deal that was won, with all that follows from it; once.

        Returns its representation with what was made of it, by the names of `DealWon`.
        """
        self.deals.need("update")
        current = await self._begun(id, "win", expected)
        blockers = await self._blockers(current)
        stages = await self.deals.stages.grounds(current.pipeline_id)
        target = await self._target(_of_kind(stages, "won")["id"])
        won = Win(self.tx, current, data)
        faults = [*await blockers.of_win(target), *await Consequences.blockers(won)]
        if faults:
            raise blocked(faults)
        step = Step(target, "won", self._closing(data), data.comment)
        shown = await self._gone(current, step)
        await Consequences.follow(won)
        return _with_made(shown, won.made)

    async def lose(self, id: UUID, data: DealLoss, expected: int | None = None) -> Any:
        """Close a deal that was lost, for a reason."""
        self.deals.need("update")
        current = await self._begun(id, "lose", expected)
        winner = data.competitor_id or current.competitor_id
        await together(
            self.deals.choose(data.loss_reason_id),
            self.deals.need_competitor(data.loss_reason_id, winner),
            self.deals.guard.refer({"competitor_id": data.competitor_id}),
        )
        blockers = await self._blockers(current, competitor_id=winner)
        stages = await self.deals.stages.grounds(current.pipeline_id)
        target = await self._target(data.stage_id or _of_kind(stages, "lost")["id"])
        if target["kind"] != "lost" or target["pipeline_id"] != current.pipeline_id:
            message = "It is no stage for lost deals of this pipeline."
            raise Invalid.at("/stage_id", "not_lost", message)
        if faults := await blockers.of_loss(target):
            raise blocked(faults)
        values = {**self._closing(data), "loss_reason_id": data.loss_reason_id}
        values |= won_by(current.competitors, data.competitor_id)
        return await self._gone(current, Step(target, "lost", values, data.comment))

    async def reopen(self, id: UUID, data: DealReopening, expected: int | None = None) -> Any:
        """Go on with a deal that was closed."""
        self.deals.need("update")
        self.tx.actor.permitted(REOPEN)
        await self._lock_return(id, data)
        current = await self._begun(id, "reopen", expected)
        stages = _need(await self.deals.stages.grounds(current.pipeline_id))
        if stages[0]["reopen_needs_reason"] and not data.comment:
            raise Invalid.at("/comment", "required", "The pipeline wants to know why.")
        stage_id = data.stage_id or (await self._stage_before(current, stages))["id"]
        target = await self._target(stage_id)
        if target["kind"] != "open" or target["pipeline_id"] != current.pipeline_id:
            message = "It is no open stage of this pipeline."
            raise Invalid.at("/stage_id", "not_open", message)
        before = await self._stage_before(current, stages)
        # Where it was it may be again; from there it goes like every other deal.
        if target["id"] != before["id"]:
            there = {**columns_of(current), "stage_id": before["id"]}
            faults = await Blockers(self.tx, there, stages).of_move(target)
        else:
            faults = await full(self.tx, target)
        if faults:
            raise blocked(faults)
        values = {"closed_at": None, "loss_reason_id": None, "close_comment": None}
        values |= undecided(current.competitors)
        return await self._gone(current, Step(target, "reopened", values, data.comment))

    async def clone(self, id: UUID) -> Any:
        """A new deal of the same kind, at the beginning of its pipeline.

        It has what is hidden from who copies it, too, as hidden as before.
        """
        self.deals.need("read")
        found = await self.deals.records.get(id)
        source = columns_of(found)
        values = {name: source[name] for name in (*_COPIED, "pipeline_id")}
        values["lines"] = [given_of(line) for line in source["lines"]]
        if source["amount_mode"] == "manual":
            values["amount"] = source["amount"]
        stages = await self.deals.stages.grounds(source["pipeline_id"])
        if stages and stages[0]["next_step_policy"] == "writes":
            values |= {name: source[name] for name in STEP}
        return await self.deals.copied(
            DealCreate.model_validate(values), self.deals.custom_of(found)
        )

    # Steps

    async def _begun(self, id: UUID, verb: str, expected: int | None) -> Deal:
        current = await self.deals.locked(id, expected)
        need_status(current, verb)
        return current

    async def _blockers(self, deal: Deal, **said: Any) -> Blockers:
        """Of a deal with what is said of it now."""
        stages = await self.deals.stages.grounds(deal.pipeline_id)
        return Blockers(self.tx, {**columns_of(deal), **said}, _need(stages))

    async def _target(self, stage_id: UUID) -> Ground:
        """Where it goes; it stays there until the commit."""
        target = await self.deals.stages.ground(stage_id)
        if target is None:
            raise Invalid.at("/stage_id", "unknown_reference", "There is no such stage.")
        return target

    async def _lock_column(self, id: UUID, data: DealMoveInput) -> None:
        """Before the deal, so that whoever ranks a column anew waits for nobody in it."""
        placed = data.before is not None or data.after is not None
        stage_id = data.stage_id
        if placed and stage_id is None:
            stage_id = await self.deals.records.stage_of(id)
        if stage_id is not None and (placed or await self.deals.stages.is_limited(stage_id)):
            await self.deals.records.lock_column(stage_id)

    async def _lock_return(self, id: UUID, data: DealReopening) -> None:
        """The same of the stage that a closed deal comes back to."""
        deal = await self.deals.records.get(id)
        stages = await self.deals.stages.grounds(deal.pipeline_id)
        if stages:
            back = data.stage_id or (await self._stage_before(deal, stages))["id"]
            if await self.deals.stages.is_limited(back):
                await self.deals.records.lock_column(back)

    async def _gone(self, current: Deal, step: Step) -> Any:
        return await self.deals.told(await self.deals.go(current, step))

    def _closing(self, data: DealClosing) -> dict[str, Any]:
        closed_on = data.closed_on or today_of(self.tx)
        need_decided(self.tx, closed_on, "/closed_on")
        return {"closed_at": self.tx.now, "closes_on": closed_on, "close_comment": data.comment}

    async def _stage_before(self, deal: Deal, stages: Sequence[Ground]) -> Ground:
        """The open stage that a closed deal left, or the first one where that is gone."""
        left = await self.deals.moves.records.last_left(deal.id)
        return next((s for s in stages if s["id"] == left), _of_kind(stages, "open"))


class StageActions:
    """What is done with stages."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.stages, self.deals = StageService(tx), DealService(tx)

    async def remove(self, id: UUID, data: StageRemoval, expected: int | None = None) -> None:
        """Put a stage in the bin, and its deals into another one, all at once."""
        self.stages.need("delete")
        pipeline_id = (await self.stages.records.get(id)).pipeline_id
        await self.stages.records.lock_pipelines([pipeline_id])
        current = await self.stages.locked(id, expected, action="delete")
        target = await self.stages.records.ground(data.move_to)
        if target is None or data.move_to == id:
            message = "There is no such other stage."
            raise Invalid.at("/move_to", "unknown_reference", message)
        if (target["pipeline_id"], target["kind"]) != (current.pipeline_id, current.kind):
            message = "Its deals go to a stage of the same pipeline and kind."
            raise Invalid.at("/move_to", "other_kind", message)
        # First the deals and then the stage, as whoever moves one of them.
        await self.deals.leave(id, target)
        # From here on nobody puts deals into it; a few may have come meanwhile.
        await self.stages.records.sealed([id])
        await self.deals.leave(id, target)
        await self.stages.remove([current])


def _with_made(shown: Any, made: Mapping[str, UUID]) -> Any:
    names = (*shown.__struct_fields__, *_MADE)
    values = {**structs.asdict(shown), **dict.fromkeys(_MADE), **made}
    return _won_shape(names)(*[values[name] for name in names])


@cache
def _won_shape(names: tuple[str, ...]) -> type[Any]:
    return defstruct("WonDeal", names)


def _need(stages: Sequence[Ground]) -> Sequence[Ground]:
    if not stages:
        raise WrongState("Its pipeline is in the bin.", code="pipeline_in_bin")
    return stages


def _of_kind(stages: Sequence[Ground], kind: str) -> Ground:
    return next(stage for stage in _need(stages) if stage["kind"] == kind)


def _way(verb: str, stage: Ground, faults: Sequence[Fault]) -> Mapping[str, Any]:
    return {
        "verb": verb,
        "stage_id": stage["id"],
        "stage_name": stage["name"],
        "status": stage["kind"],
        "blockers": told(faults),
    }
