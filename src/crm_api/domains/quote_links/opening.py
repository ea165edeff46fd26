"""How links are opened: whoever asks, as the actor that the link is."""

from dataclasses import dataclass

from crm_api.domains.quote_links.tokens import LinkTokens
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.errors import NotFound
from crm_api.kit.tokens import same
from crm_api.platform.accounts.attempts import Attempts

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
