"""Which events may have brought what was won: what each part declares of its own records.

`domains/attribution` follows the feed and keeps the touches that are made of them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.touchpoints import Happened

TouchKind = Literal["sent", "opened", "clicked", "responded", "visited", "submitted", "lead", "met"]
PersonKind = Literal["contact", "lead"]
DIRECT = "direct"
"""The channel of those who came by themselves."""
_BREAKS = re.compile(r"[\W_]+")
_CHANNELS: Mapping[str, str] = {
    **dict.fromkeys(("cpc", "ppc", "cpm", "cpv", "paid", "paidsearch", "display", "banner"), "ads"),
    **dict.fromkeys(("social", "social-media", "social-network", "sm"), "social"),
    **dict.fromkeys(("email", "e-mail", "mail", "newsletter"), "email"),
    **dict.fromkeys(("none", "direct"), DIRECT),
}
"""What the usual words of `utm_medium` mean."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Somebody whom an event touched, and by what."""

    kind: TouchKind
    person_id: UUID
    at: datetime
    person: PersonKind = "contact"
    campaign: str | None = None
    """The campaign's id, or what it is called where that came from, as `utm_campaign` has it."""
    channel: str | None = None
    """By what; that of the campaign where it is not said."""
    variant: str | None = None
    source_id: UUID | None = None
    """What it was, where that is not the record of the event: it counts once."""


Finder = Callable[[Tx, Sequence[Happened]], Awaitable[Mapping[UUID, Sequence[Touched]]]]
"""Finds whom many events touched, by the events' ids, in a constant number of statements."""


@dataclass(frozen=True)
class Touch:
    """Events that are touches; each of them says anew what its record comes to."""

    topics: Sequence[str]
    """Such as `lead.created`."""
    find: Finder

    @property
    def source(self) -> str:
        """Where it is from: the first word of its topics."""
        return self.topics[0].partition(".")[0]


def of_record(find: Callable[[Happened], Sequence[Touched]]) -> Finder:
    """A finder that looks at nothing but each event and its record."""

    async def found(tx: Tx, events: Sequence[Happened]) -> Mapping[UUID, Sequence[Touched]]:
        del tx
        return {one.id: find(one) for one in events}

    return found


def campaign_key(said: str) -> str:
    """What a campaign is called, as names and addresses have it: `Spring_Offers` is
    `spring-offers`.
    """
    return _BREAKS.sub("-", said.casefold()).strip("-")


def channel_of(medium: str | None) -> str | None:
    """The channel that a medium, such as that of `utm_medium`, means."""
    found = None if medium is None else campaign_key(medium)
    return _CHANNELS.get(found, found) if found else None


def by_utm(
    utm: Mapping[str, Any], campaign: str | None = None, medium: str | None = None
) -> tuple[str | None, str | None]:
    """The campaign and the channel that UTM fields and columns beside them say."""
    said = campaign or _text(utm.get("campaign")) or _text(utm.get("id"))
    channel = channel_of(medium or _text(utm.get("medium")))
    source = _text(utm.get("source"))
    if channel is None and source is not None and campaign_key(source) == DIRECT:
        channel = DIRECT
    return said, channel


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
