"""What rules and journeys can do with segments: put people in, and take them out."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.segments.actions import SegmentActions
from crm_api.domains.segments.schemas import MembersInput
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import NotFound
from crm_api.platform.automations.actions import check_one, one_of


class _Deciding(Step):
    """A decision by hand about who belongs to a segment."""

    decides: ClassVar[Literal["add", "remove"]]
    segment_id: UUID
    record_id: Any = Field(
        None, description='Whom, of the segment\'s target, or `{"$ref": "…"}`; else the record.'
    )

    async def check(self, about: Checking) -> None:
        """A segment that can be filled by hand, and somebody of its target."""
        segments = SegmentService(about.tx)
        segments.need("update")
        try:
            segment = await segments.get(self.segment_id)
        except NotFound:
            about.fault("/segment_id", "unknown_reference", "There is no such segment.")
            return
        if segment.kind == "snapshot":
            about.fault("/segment_id", "snapshot_stays", "A snapshot stays as it was taken.")
        check_one(about, segment.target, self.record_id, "/record_id")

    async def act(self, at: Situation) -> Outcome:
        """Decided, unless it is so already; who is unknown or suppressed is not put in."""
        id = await one_of(at, self.record_id, "/record_id")
        decision = MembersInput.model_validate({self.decides: [id]})
        told = await SegmentActions(at.tx).decide(self.segment_id, decision)
        (one,) = told["data"]
        result = {"segment_id": self.segment_id, "record_id": id, "result": one["result"]}
        skipped = one["result"] in ("refused", "unchanged")
        return Outcome({**result, "reason": one["reason"]}, skipped=skipped)


class AddToSegment(_Deciding):
    """Put somebody into a segment, whatever its filter says."""

    action: Literal["add_to_segment"]
    decides = "add"


class RemoveFromSegment(_Deciding):
    """Take somebody out of a segment, whatever its filter says."""

    action: Literal["remove_from_segment"]
    decides = "remove"


ACTIONS = (AddToSegment, RemoveFromSegment)
