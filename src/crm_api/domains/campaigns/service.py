"""The rules of campaigns."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.campaigns.converting import need_conversions
from crm_api.domains.campaigns.models import Campaign
from crm_api.domains.campaigns.repository import AREA, Campaigns
from crm_api.domains.campaigns.schemas import CampaignCreate, CampaignUpdate, StopRule
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.errors import Invalid, WrongState
from crm_api.kit.query.selection import Selection

_COURSE = frozenset(
    {
        *("status", "frozen_at", "launched_at", "ended_at", "launch_at", "segment_pins"),
        *("decision", "member_count", "holdout_count", "excluded_count"),
    }
)
AUDIENCE = frozenset(
    {
        *("channel", "purpose", "include_segment_ids", "exclude_segment_ids"),
        *("holdout_percent", "variants", "test_percent", "stop_rule"),
    }
)
"""What decides who is reached with what."""
_ABOVE = {"campaign": "programme", "tactic": "campaign"}


class CampaignService(NamedService[Campaign]):
    """Campaigns: what is done to reach people, and how far it is."""

    repository = Campaigns
    area = AREA
    plural = "campaigns"
    personal = Impersonal("What is planned; who is in an audience is kept apart.")
    create_shape = CampaignCreate
    update_shape = CampaignUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "draft",
        **dict.fromkeys(("frozen_at", "launched_at", "ended_at", "launch_at", "decision")),
        "segment_pins": [],
        **dict.fromkeys(("member_count", "holdout_count", "excluded_count"), 0),
    }
    records: Campaigns

    async def prepare(self, values: dict[str, Any], current: Campaign | None) -> dict[str, Any]:
        """Its dates and its place in the tree fit, and its audience stays once it is frozen."""
        values = await super().prepare(values, current)
        for name in ("include_segment_ids", "exclude_segment_ids"):
            if name in values:
                values[name] = list(dict.fromkeys(str(one) for one in values[name]))
        before = {} if current is None else columns_of(current)
        whole = {**before, **values}
        _need_fit(whole)
        changed = {n for n in values if current is None or before[n] != values[n]}
        if current is not None and current.frozen_at is not None and changed & AUDIENCE:
            raise WrongState(
                "The audience was frozen at launch; clone the campaign for another one.",
                code="audience_frozen",
                details={"fields": sorted(changed & AUDIENCE)},
            )
        if "stop_rule" in changed and whole["stop_rule"] is not None:
            # What it decides by is told with the decision.
            need_conversions(self.tx, StopRule.model_validate(whole["stop_rule"]))
        if "parent_id" in changed:
            await self._need_parent(whole)
        for name in sorted(changed & {"include_segment_ids", "exclude_segment_ids"}):
            await self._need_segments(name, values[name])
        return values

    async def _need_parent(self, whole: Mapping[str, Any]) -> None:
        if whole["parent_id"] is None:
            return
        above = _ABOVE.get(whole["level"])
        if above is None:
            raise Invalid.at("/parent_id", "is_top", "A programme is below nothing.")
        found = await self.many([whole["parent_id"]], Selection(("id", "level")))
        # One that is not there, or not seen, is refused by the reference itself.
        if any(one.level != above for one in found.values()):
            message = f"A {whole['level']} is below a {above}."
            raise Invalid.at("/parent_id", "wrong_level", message)

    async def _need_segments(self, name: str, ids: list[str]) -> None:
        wanted = [UUID(one) for one in ids]
        service = SegmentService(self.tx)
        found = await service.many(wanted, Selection(("id", "target"))) if wanted else {}
        known = {one for one, segment in found.items() if segment.target == "contact"}
        for place, one in enumerate(wanted):
            if one not in known:
                message = "There is no such segment of contacts."
                raise Invalid.at(f"/{name}/{place}", "unknown_segment", message)

    async def put_back(self, record: Campaign, values: dict[str, Any]) -> Any:
        """What an undo takes back is not how far it is, nor a frozen audience."""
        kept = _COURSE if record.frozen_at is None else _COURSE | AUDIENCE
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})

    async def remove(self, records: Sequence[Campaign]) -> None:
        """What runs stays: its mails would go on leaving."""
        for record in records:
            _need_standing(record)
        await super().remove(records)

    async def check_purge(self, current: Campaign) -> None:
        """What runs is not destroyed."""
        await super().check_purge(current)
        _need_standing(current)


def _need_standing(current: Campaign) -> None:
    if current.status == "running":
        message = "It is running: pause it, complete it or cancel it first."
        raise WrongState(message, code="campaign_running")


def _need_fit(whole: Mapping[str, Any]) -> None:
    starts, ends = whole["starts_on"], whole["ends_on"]
    if starts is not None and ends is not None and ends < starts:
        raise Invalid.at("/ends_on", "ends_before_start", "It ends before it begins.")
    if (whole["channel"] is None) != (whole["purpose"] is None):
        name = "channel" if whole["channel"] is None else "purpose"
        raise Invalid.at(f"/{name}", "required", "A channel and a purpose go together.")
    keys = [one["key"] for one in whole["variants"]]
    if whole["stop_rule"] is not None and not keys:
        raise Invalid.at("/stop_rule", "no_experiment", "There are no variants to decide between.")
    if whole["test_percent"] < 100 and not keys:
        message = "There are no variants to try out before the others get one."
        raise Invalid.at("/test_percent", "no_experiment", message)
    if len(keys) == 1:
        raise Invalid.at("/variants", "one_variant", "There are two variants at least, or none.")
    for place, key in enumerate(keys):
        if key in keys[:place]:
            message = "Another variant has this key."
            raise Invalid.at(f"/variants/{place}/key", "repeated", message)
