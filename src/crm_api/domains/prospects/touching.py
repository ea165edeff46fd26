"""How sent forms are touches of the leads that they are of."""

from collections.abc import Sequence

from crm_api.kit.db.json import parsed
from crm_api.kit.touches import Touch, Touched, by_utm, of_record
from crm_api.kit.touchpoints import Happened


def _find(happened: Happened) -> Sequence[Touched]:
    row = happened.row
    campaign, channel = by_utm(parsed(row["utm"]) or {}, row["campaign"], row["medium"])
    if row["lead_id"] is None or (campaign is None and channel is None):
        return ()
    at = row["created_at"]
    return (Touched("submitted", row["lead_id"], at, "lead", campaign=campaign, channel=channel),)


TOUCHES = (Touch(("lead_submission.accepted",), of_record(_find)),)
