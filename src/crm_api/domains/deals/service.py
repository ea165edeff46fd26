"""The rules of deals, and how they stand in stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from crm_api.domains.deals.models import Deal, DealMove
from crm_api.domains.deals.partied import Partied
from crm_api.domains.deals.pipelines import PipelineService
from crm_api.domains.deals.policies import need_decided, need_room, need_step
from crm_api.domains.deals.ranks import newest
from crm_api.domains.deals.reckoning import reckoned
from crm_api.domains.deals.repository import DealMoves, Deals, Ground, LossReasons, Stages
from crm_api.domains.deals.schemas import DealCreate, DealUpdate
from crm_api.domains.deals.states import Blockers
from crm_api.domains.deals.valuing import PRICED, WEIGHED, at_home, pushed, rots_at, weighed
from crm_api.kit.crud.personal import About, Impersonal
from crm_api.kit.crud.plain import columns_of, values_of
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.transitions import blocked
from crm_api.kit.errors import Blocked, Invalid, WrongState
from crm_api.kit.ids import new_id
from crm_api.kit.schema import Create

_BATCH = 500
# What a deal has by where it stands.
_STANDING = frozenset(
    {
        *("pipeline_id", "stage_id", "status", "stage_entered_at", "rank", "rots_at"),
        *("closed_at", "close_comment", "loss_reason_id"),
        *("probability", "forecast_category", "expected_amount"),
    }
)
_STEPS = frozenset({"next_step", "next_step_on"})
_BUSINESS = "What was to be sold, which accounts are made of; erased people are not named by it."


@dataclass(frozen=True)
class Step:
    """Where a deal goes, and what becomes of it there."""

    stage: Ground
    verb: str
    values: Mapping[str, Any]
    comment: str | None = None


class DealService(Partied):
    """What may be sold: to whom, for how much, and how far it is."""

    repository = Deals
    area = "deals"
    plural = "deals"
    personal = About(("contact_id",), end="kept", reason=_BUSINESS)
    create_shape = DealCreate
    update_shape = DealUpdate
    beside = CrudService.beside | {"tags", "source", "description", "next_step", "next_step_on"}
    records: Deals

    @cached_property
    def stages(self) -> Stages:
        """Where deals stand."""
        return Stages(self.tx)

    @cached_property
    def moves(self) -> "DealMoveService":
        """How they came there."""
        return DealMoveService(self.tx)

    async def prepare(self, values: dict[str, Any], current: Deal | None) -> dict[str, Any]:
        """A new deal stands in a stage; what it is worth follows from what it says."""
        values = await super().prepare(values, current)
        if current is None:
            stage = await self.first_stage(values)
            values |= self.begun(values, stage)
            need_step(values, values, stage)
            await self._check_reason(values, None)
            values = await reckoned(self.tx, values, None)
            await need_room(self.tx, stage)
            return {**values, **await self._worth(values, None, stage)}
        await self._check_reason(values, current)
        if current.status != "open":
            need_decided(self.tx, values.get("closes_on"))
        values = pushed(await reckoned(self.tx, values, current), current)
        if not (_STEPS | WEIGHED) & values.keys():
            return values
        stage = await self.stages.ground(current.stage_id)
        if stage is None:
            raise WrongState("Its pipeline is in the bin.", code="pipeline_in_bin")
        need_step(values, {**columns_of(current), **values}, stage)
        return {**values, **await self._worth(values, current, stage)}

    async def create(self, data: Create) -> Any:
        """A new deal; one for a later stage has what that stage wants, or `Blocked` is raised."""
        shown = await super().create(data)
        if "stage_id" not in data.model_fields_set:
            return shown
        stages = await self.stages.grounds(shown.pipeline_id)
        later = [stage["id"] for stage in stages if stage["kind"] == "open"][1:]
        if shown.stage_id not in later:
            return shown
        await self.tx.flush()
        (deal,) = await self.records.locked([shown.id], everywhere=True)
        if faults := await Blockers(self.tx, columns_of(deal), stages).of_beginning():
            raise blocked(faults)
        return shown

    async def copied(self, data: DealCreate, custom: Mapping[str, Any]) -> Any:
        """A new deal of what another one says, whether or not who copies it may see or set it."""
        self.need("create")
        values = values_of(data)
        self.guard.reach_owner({"owner_id": values["owner_id"]}, "create")
        whole = self.fields.with_defaults(custom)
        self.fields.refuse(list(self.fields.lacking(whole, self.tx.actor)))
        values["custom"] = {name: value for name, value in whole.items() if value is not None}
        values = await self.prepare(values, None)
        await self.admit(values, None)
        return await self.told(self.add({**values, **self.begins_with}))

    async def first_stage(self, values: Mapping[str, Any]) -> Ground:
        """Where a new deal stands; raises `Invalid`.

        An organization without a default pipeline gets one where it is needed.
        """
        stage_id, pipeline_id = values["stage_id"], values["pipeline_id"]
        kind = "open" if values["loss_reason_id"] is None else "lost"
        if stage_id is not None:
            stage = await self.stages.ground(stage_id)
        else:
            stage = await self.stages.first(kind, pipeline_id)
            if stage is None and pipeline_id is None:
                await PipelineService(self.tx).begin()
                stage = await self.stages.first(kind)
        if stage is None:
            name = "stage" if stage_id is not None else "pipeline"
            raise Invalid.at(f"/{name}_id", "unknown_reference", f"There is no such {name}.")
        if pipeline_id not in {None, stage["pipeline_id"]}:
            raise Invalid.at("/stage_id", "other_pipeline", "The stage is of another pipeline.")
        if stage["is_archived"] and stage["kind"] == "open":
            at = "pipeline_id" if pipeline_id is not None else "stage_id"
            raise Invalid.at(f"/{at}", "archived", "The pipeline takes no new deals.")
        return stage

    def begun(self, values: Mapping[str, Any], stage: Mapping[str, Any]) -> dict[str, Any]:
        """What a new deal has of the stage in which it begins; raises `Invalid`."""
        closed_at = values["closed_at"]
        if stage["kind"] != "open":
            need_decided(self.tx, values["closes_on"])
            closed_at = min(closed_at or self.tx.now, self.tx.now)
        elif closed_at is not None:
            raise Invalid.at("/closed_at", "not_closed", "A deal in an open stage is not decided.")
        return {
            "pipeline_id": stage["pipeline_id"],
            "stage_id": stage["id"],
            "status": stage["kind"],
            "currency": values["currency"] or stage["currency"] or stage["own"],
            "stage_entered_at": closed_at or self.tx.now,
            "rots_at": rots_at(closed_at or self.tx.now, stage),
            "closed_at": closed_at,
            "close_comment": None,
            "push_count": 0,
            "alerts": {},
            "rank": newest(new_id()),
        }

    async def _check_reason(self, values: Mapping[str, Any], current: Deal | None) -> None:
        """Raise `Invalid` unless a lost deal, and no other, has a reason that can be chosen."""
        if "loss_reason_id" not in values:
            return
        reason_id = values["loss_reason_id"]
        status = values["status"] if current is None else current.status
        need_reason(status, reason_id)
        if reason_id is not None and (current is None or current.loss_reason_id != reason_id):
            await self.choose(reason_id)

    async def choose(self, reason_id: UUID) -> None:
        """Raise `Invalid` unless a deal can be lost for this reason."""
        active = await LossReasons(self.tx).is_active(reason_id)
        if active is None:
            raise Invalid.at("/loss_reason_id", "unknown_reference", "There is no such reason.")
        if not active:
            raise Invalid.at("/loss_reason_id", "not_active", "The reason is not used any more.")

    async def _worth(
        self, values: Mapping[str, Any], current: Deal | None, stage: Mapping[str, Any]
    ) -> dict[str, Any]:
        whole = {**({} if current is None else columns_of(current)), **values}
        found = weighed(whole, stage)
        own = stage["own"]
        # At the rate of the day on which it is closed, too.
        changed = current is None or (
            current.base_currency != own
            or any(
                name in values and values[name] != getattr(current, name)
                for name in (*PRICED, "status")
            )
        )
        if changed:
            found |= {"base_amount": await at_home(self.tx, whole, own), "base_currency": own}
        return found

    async def go(self, current: Deal, step: Step) -> Any:
        """Have a locked deal stand in another stage, and write down how it came there.

        Whether it may is for the caller to know. Returns its representation.
        """
        stage = step.stage
        moved = {
            "pipeline_id": stage["pipeline_id"],
            "stage_id": stage["id"],
            "status": stage["kind"],
            "stage_entered_at": self.tx.now,
            "rots_at": rots_at(self.tx.now, stage),
            "rank": newest(new_id()),
            **step.values,
        }
        moved |= await self._worth(moved, current, stage)
        self.moves.note(current, step)
        return await self.change(current, moved, verb=step.verb)

    async def put_back(self, record: Deal, values: dict[str, Any]) -> Any:
        """What an undo takes back is a move as well; where its stage is gone it stays."""
        stage_id = values.get("stage_id", record.stage_id)
        if stage_id == record.stage_id:
            return await super().put_back(record, values)
        stage = await self.stages.ground(stage_id)
        if stage is None:
            return await super().put_back(record, {n: values[n] for n in values.keys() - _STANDING})
        again = "moved" if record.status == "open" else "reopened"
        verb = again if stage["kind"] == "open" else stage["kind"]
        return await self.go(record, Step(stage, verb, values))

    async def follow(self, stage: Mapping[str, Any]) -> None:
        """Have the deals of a stage be as probable as it says by now, but for what is by hand.

        They rot by its days, too.
        """
        after: UUID | None = None
        while found := await self.records.next_in(stage["id"], after, _BATCH):
            for deal in found:
                stale = {"rots_at": rots_at(deal.stage_entered_at, stage)}
                await self.change(deal, {**weighed(columns_of(deal), stage), **stale})
            await self.tx.flush()
            after = found[-1].id

    async def leave(self, stage_id: UUID, target: Mapping[str, Any]) -> int:
        """Move all deals of a stage into another one of the same kind; returns how many."""
        after, count = None, 0
        step = Step(target, "moved", {})
        while found := await self.records.next_in(stage_id, after, _BATCH):
            for deal in found:
                await self.go(deal, step)
            await self.tx.flush()
            after, count = found[-1].id, count + len(found)
        return count

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a deal out of the bin, while there is a pipeline for it."""
        self.need("delete")
        # The column before the deal, as for moves.
        binned = await self.records.get(id, deleted=True)
        stage = await self.stages.ground(binned.stage_id)
        if binned.deleted_at is not None and stage is not None:
            await need_room(self.tx, stage)
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None and stage is None:
            raise Blocked("Its pipeline is in the bin.", code="pipeline_in_bin")
        return await super().restore(id, expected_version=expected_version)

    async def check_purge(self, current: Deal) -> None:
        """How it moved goes with it."""
        await super().check_purge(current)
        moves = await self.moves.records.ids_of(current.id)
        if moves:
            await destroy(self.tx, self.moves.records.listing, moves)
            await empty_events(self.tx, moves)


class DealMoveService(CrudService[DealMove]):
    """How deals moved through their stages."""

    repository = DealMoves
    area = "deals"
    plural = "deal_moves"
    personal = Impersonal("How far a deal was; the deal says with whom.")
    plain = False
    upserts = False
    records: DealMoves

    def note(self, deal: Deal, step: Step) -> None:
        """Write down that a deal is about to leave its stage."""
        stayed = self.tx.now - deal.stage_entered_at
        self.add(
            {
                "deal_id": deal.id,
                "verb": step.verb,
                "from_stage_id": deal.stage_id,
                "to_stage_id": step.stage["id"],
                "entered_at": deal.stage_entered_at,
                # A clock of another machine may have been ahead.
                "seconds": max(0, int(stayed.total_seconds())),
                "comment": step.comment,
                "owner_id": deal.owner_id,
                "custom": {},
                "external_ids": {},
            }
        )


def need_reason(status: str, reason_id: UUID | None) -> None:
    """Raise `Invalid` unless what is lost has a reason, and nothing else does."""
    if status == "lost" and reason_id is None:
        raise Invalid.at("/loss_reason_id", "required", "A lost deal has a reason.")
    if status != "lost" and reason_id is not None:
        raise Invalid.at("/loss_reason_id", "not_lost", "The deal is not lost.")
