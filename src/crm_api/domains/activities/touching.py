"""How activities are touches: what was done with people for a campaign that it is linked with."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.activities.service import LOGGED
from crm_api.kit.db.json import parsed
from crm_api.kit.touches import Touch, Touched, of_record
from crm_api.kit.touchpoints import Happened

_CHANNELS: Mapping[str, str] = {"call": "call", "meeting": "event", "email": "email"}


def _find(happened: Happened) -> Sequence[Touched]:
    row = happened.row
    links: Sequence[Mapping[str, Any]] = parsed(row["links"]) or ()
    campaigns = [one["record_id"] for one in links if one["target"] == "campaign"]
    if row["status"] != "completed" or row["is_internal"] or not campaigns:
        return ()
    people = [UUID(one["record_id"]) for one in links if one["target"] == "contact"]
    own = [] if row["contact_id"] is None else [row["contact_id"]]
    at = row["completed_at"] or row["created_at"]
    channel = row["channel"] or _CHANNELS.get(row["kind"])
    return [
        Touched("met", one, at, campaign=campaigns[0], channel=channel)
        for one in dict.fromkeys([*own, *people])
    ]


TOUCHES = (
    Touch(
        (
            LOGGED,
            *(
                f"activity.{verb}"
                for verb in ("completed", "corrected", "updated", "deleted", "restored")
            ),
        ),
        of_record(_find),
    ),
)
