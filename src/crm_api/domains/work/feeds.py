"""The secret addresses at which calendars read agendas.

A token says whose it is and is stored as a keyed hash; what a feed shows is what the user may see
at the moment at which it is read.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.work.calendar import calendar_of
from crm_api.domains.work.gathering import Workloads, days_of
from crm_api.domains.work.models import CalendarFeed
from crm_api.domains.work.service import AREA
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, NotFound
from crm_api.kit.secret_links import SecretLinks, nothing_there
from crm_api.kit.work import Asked
from crm_api.platform.access.rights import Rights

PAST, AHEAD = timedelta(days=31), timedelta(days=366)
_OF = """
    SELECT id, created_at, last_used_at FROM calendar_feeds
    WHERE organization_id = $1 AND user_id = $2
"""
_FORGET = "DELETE FROM calendar_feeds WHERE organization_id = $1 AND user_id = $2 RETURNING id"
_OPENING = """
    SELECT f.user_id, f.secret_hash, o.time_zone, o.country
    FROM calendar_feeds f JOIN organizations o ON o.id = f.organization_id
    WHERE f.organization_id = $1 AND f.id = $2
"""
LINKS = SecretLinks("agenda", "calendar feed", _OPENING)
_HOLD_USER = """
    SELECT id FROM users WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
    FOR NO KEY UPDATE
"""
_FORGET_ALL = "DELETE FROM calendar_feeds WHERE organization_id = $1 AND user_id = ANY($2)"
_ORGANIZATION = "SELECT name FROM organizations WHERE id = $1"
_USED = """
    UPDATE calendar_feeds SET last_used_at = now()
    WHERE organization_id = $1 AND id = $2
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 hour')
"""


class CalendarFeeds:
    """The feed of the user who asks."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def get(self) -> dict[str, Any]:
        """That there is one, and when it was used last; raises `NotFound`."""
        self.tx.actor.need_scope(f"{AREA}:read")
        rows = await self.tx.fetch(_OF, self.tx.organization_id, self._me())
        if not rows:
            raise NotFound("There is no calendar feed.", code="no_calendar_feed")
        return {name: rows[0][name] for name in ("created_at", "last_used_at")}

    async def make(self) -> dict[str, Any]:
        """A new address, told this once; one that was there opens nothing any more."""
        self.tx.actor.need_scope(f"{AREA}:write")
        self.tx.confidential = True
        me = self._me()
        # Of two at once the later one's address holds.
        await self.tx.write(_HOLD_USER, self.tx.organization_id, me)
        await self.tx.write(_FORGET, self.tx.organization_id, me)
        id, token, hashed = LINKS.make(self.tx.database, self.tx.organization_id)
        values = {
            "id": id,
            "user_id": me,
            "secret_hash": hashed,
            "created_at": self.tx.now,
            "last_used_at": None,
        }
        self.tx.insert(CalendarFeed, values)
        return {
            "created_at": self.tx.now,
            "last_used_at": None,
            "token": token,
            "path": f"/public/feeds/{token}.ics",
        }

    async def revoke(self) -> None:
        """Have the address open nothing any more; without one nothing happens."""
        self.tx.actor.need_scope(f"{AREA}:write")
        await self.tx.write(_FORGET, self.tx.organization_id, self._me())

    def _me(self) -> UUID:
        access = self.tx.actor.access
        if access is None:
            raise Forbidden("Users have agendas, not programs.", code="no_user")
        return access.user_id


async def feed_actor(database: Database, token: str, address: str | None) -> tuple[Actor, UUID]:
    """The user whose feed a token opens, with their rights at this moment, and the feed's id.

    Raises `NotFound` also for whoever is let in no more, `TooMany` where too many tokens of that
    address were made up.
    """
    organization_id, id, row = await LINKS.open(database, token, address)
    access = await Rights(database).of(organization_id, row["user_id"])
    if access is None:
        raise nothing_there()
    actor = Actor(
        organization_id,
        "user",
        row["user_id"],
        frozenset({"*:read"}),
        time_zone=row["time_zone"],
        country=row["country"],
    )
    return replace(actor, access=access, teams=frozenset(access.teams)), id


async def feed_of(tx: Tx, id: UUID) -> tuple[bytes, str]:
    """The agenda of the user who is the actor as a document, with its entity tag."""
    await tx.write(_USED, tx.organization_id, id)
    loads = Workloads(tx)
    me, zone = await loads.whose(None)
    today = tx.now.astimezone(zone).date()
    since, until = days_of(today - PAST, today + AHEAD, zone)
    found = await loads.agenda(Asked(me, zone, tx.now, until, since))
    (organization,) = await tx.fetch(_ORGANIZATION, tx.organization_id)
    document = calendar_of(found.items, zone, organization["name"], tx.now)
    return document, f'"{hashlib.sha256(document).hexdigest()[:32]}"'


async def forget_feeds(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Destroy the addresses of users who were destroyed."""
    if entity == "user":
        await tx.write(_FORGET_ALL, tx.organization_id, list(ids))
