"""Who asks: the organization, the credential and what it may do."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from crm_api.kit.errors import Forbidden

ActorKind = Literal["key", "user", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Bound to one organization; nothing is read or written without one."""

    organization_id: UUID
    kind: ActorKind
    id: UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    teams: frozenset[UUID] = field(default_factory=frozenset)
    """What `@my_teams` means in a filter."""
    time_zone: str = "UTC"
    country: str | None = None

    def covers(self, scope: str) -> bool:
        """Whether a scope such as `contacts:write` is held.

        `*`, `contacts:*` and `*:write` hold what they name; to write is to read as well.
        """
        if scope in self.scopes or "*" in self.scopes:
            return True
        area, _, verb = scope.partition(":")
        wider = {f"{area}:*", f"*:{verb}", "*:*"}
        if verb == "read":
            wider |= {f"{area}:write", "*:write"}
        return not wider.isdisjoint(self.scopes)

    def require(self, scope: str) -> None:
        """Raise `Forbidden` unless the scope is held."""
        if not self.covers(scope):
            raise Forbidden(
                f"The credential lacks the scope {scope}.",
                code="insufficient_scope",
                details={"scope": scope},
            )
