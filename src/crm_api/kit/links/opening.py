"""How links are opened: whoever asks, as the actor that the link is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from crm_api.kit.actor import Actor
from crm_api.kit.attempts import Attempts
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Ended, NotFound
from crm_api.kit.links.linking import LinkService
from crm_api.kit.links.tokens import LinkTokens
from crm_api.kit.tokens import same

_LONGEST_AGENT = 500


@dataclass(frozen=True)
class Caller:
    """Where a request comes from."""

    address: str | None
    user_agent: str | None

    @property
    def shown(self) -> dict[str, str | None]:
        """As it is written down."""
        agent = self.user_agent
        return {"address": self.address, "user_agent": agent and agent[:_LONGEST_AGENT]}


@dataclass(frozen=True)
class Opened:
    """What a kind of link opens."""

    tokens: LinkTokens
    sql: str
    """Takes the organization and the link; `secret_hash, time_zone, country`."""
    scopes: frozenset[str]
    is_throttled: bool = False
    """Whether many have the same one, so that what is made by it counts for where they are."""

    async def throttle(self, database: Database, token: str, address: str | None) -> None:
        """Before anything is made by a token; raises `TooMany`."""
        known = self.tokens.read(token)
        if self.is_throttled and known is not None:
            # By what it opens: the ids in it can be spelled in more than one way.
            _, id, secret = known
            attempts = Attempts(database)
            await attempts.count(attempts.guests(f"{id} {secret}", address))

    async def actor_of(self, database: Database, token: str, address: str | None) -> Actor:
        """The link that a token opens, as an actor; raises `NotFound`.

        Raises `TooMany` where too many tokens of that address were made up.
        """
        known = self.tokens.read(token)
        if known is not None:
            organization_id, id, secret = known
            rows = await database.fetch(organization_id, self.sql, (organization_id, id))
            hashed = self.tokens.hash_of(database.signing_key, secret)
            if rows and same(rows[0]["secret_hash"], hashed):
                return Actor(
                    organization_id,
                    "system",
                    id,
                    self.scopes,
                    time_zone=rows[0]["time_zone"],
                    country=rows[0]["country"],
                )
        attempts = Attempts(database)
        await attempts.count(attempts.links(address))
        raise NotFound("There is nothing behind this link.", code="unknown_link")


class LinkDoor:
    """What one link opens: it is the actor, and has not ended."""

    areas: ClassVar[Sequence[str]]
    """What is opened, and the links themselves."""
    service: ClassVar[type[LinkService[Any]]]

    def __init__(self, tx: Tx, caller: Caller) -> None:
        self.tx, self.caller = tx, caller
        self.links = self.service(tx)

    def require(self, verb: str) -> None:
        """Raises `ModuleClosed` where what it is about is switched off."""
        for area in self.areas:
            self.tx.actor.require(f"{area}:{verb}")

    @property
    def is_writable(self) -> bool:
        """Whether nothing of it is closed to changes."""
        return not any(area in self.tx.actor.closed for area in self.areas)

    async def link(self, *, lock: bool) -> Any:
        """The link; raises `Ended`."""
        link = await self.links.records.own(lock=lock)
        if link is None or link.deleted_at is not None or link.revoked_at is not None:
            raise ended("The link was revoked.")
        if link.expires_at <= self.tx.now:
            raise ended("The link has expired.")
        return link

    async def view(self) -> None:
        """Write down that it was opened, the first time."""
        locked = await self.links.records.own(lock=True)
        if locked is not None and locked.first_viewed_at is None:
            await self.links.change(locked, {"first_viewed_at": self.tx.now}, verb="viewed")


def ended(message: str) -> CrmError:
    """The error for a link that opens nothing any more."""
    return Ended(message, code="link_ended")
