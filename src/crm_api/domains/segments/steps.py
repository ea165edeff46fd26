"""What rules and journeys can do with segments: put people in, and take them out."""

from typing import Any, Literal
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
        told = await SegmentActions(at.tx).decide(self.segment_id, self._decision(id))
        (one,) = told["data"]
        result = {"segment_id": self.segment_id, "record_id": id, "result": one["result"]}
        skipped = one["result"] in ("refused", "unchanged")
        return Outcome({**result, "reason": one["reason"]}, skipped=skipped)

    def _decision(self, id: UUID) -> MembersInput:
        raise NotImplementedError


class AddToSegment(_Deciding):
    """Put somebody into a segment, whatever its filter says."""

    action: Literal["add_to_segment"]

    def _decision(self, id: UUID) -> MembersInput:
        return MembersInput(add=[id])


class RemoveFromSegment(_Deciding):
    """Take somebody out of a segment, whatever its filter says."""

    action: Literal["remove_from_segment"]

    def _decision(self, id: UUID) -> MembersInput:
        return MembersInput(remove=[id])


ACTIONS = (AddToSegment, RemoveFromSegment)
