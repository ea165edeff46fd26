"""Which tracked events are touches: those that say by what campaign or channel somebody came."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.kit.db.json import parsed
from crm_api.kit.touches import Touch, Touched, TouchKind, by_utm, campaign_key, of_record
from crm_api.kit.touchpoints import Happened

_CAMPAIGN = ("campaign_id", "campaign")
_UTM = "utm_"
_KINDS: Mapping[str, TouchKind] = {
    **{f"{what}-sent": "sent" for what in ("email", "sms", "message", "letter")},
    **{f"{what}-opened": "opened" for what in ("email", "message")},
    **{f"{what}-clicked": "clicked" for what in ("email", "link", "ad", "message")},
    "campaign-responded": "responded",
    "form-submitted": "submitted",
}
"""What events of other programs are by their names; all else is a visit."""


def _find(happened: Happened) -> Sequence[Touched]:
    row = happened.row
    told: Mapping[str, Any] = parsed(row["properties"]) or {}
    utm = {n.removeprefix(_UTM): value for n, value in told.items() if n.startswith(_UTM)}
    said = next((told[n] for n in _CAMPAIGN if isinstance(told.get(n), str)), None)
    campaign, channel = by_utm(utm, said, _text(told.get("channel")))
    if campaign is None and channel is None:
        return ()
    kind = _KINDS.get(campaign_key(row["name"]), "visited")
    variant, at = _text(told.get("variant")), row["occurred_at"]
    one = Touched(kind, row["contact_id"], at, campaign=campaign, channel=channel, variant=variant)
    return (one,)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


TOUCHES = (
    Touch(
        tuple(f"behaviour_event.{verb}" for verb in ("created", "deleted", "restored")),
        of_record(_find),
    ),
)
