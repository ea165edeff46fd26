"""How leads are touches: each is one, when it came and by the campaign that brought it."""

from collections.abc import Sequence

from crm_api.kit.db.json import parsed
from crm_api.kit.touches import Touch, Touched, by_utm, of_record
from crm_api.kit.touchpoints import Happened


def _find(happened: Happened) -> Sequence[Touched]:
    row = happened.row
    campaign, channel = by_utm(parsed(row["utm"]) or {}, row["campaign"], row["medium"])
    if campaign is None and channel is None:
        return ()
    one = Touched("lead", row["id"], row["created_at"], "lead", campaign=campaign, channel=channel)
    return (one,)


TOUCHES = (
    Touch(
        tuple(f"lead.{verb}" for verb in ("created", "updated", "deleted", "restored")),
        of_record(_find),
    ),
)
