"""Who asks: the organization, the credential and what it may do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from uuid import UUID

from crm_api.kit.access import Access, Action, Level
from crm_api.kit.errors import Fault, Forbidden
from crm_api.kit.switches import NOTHING_CLOSED, Areas

_NONE: frozenset[str] = frozenset()
_IMPLIED_BY = {"read": ("write", "purge"), "write": ("purge",)}
CREDENTIALS = "credentials"
"""What is announced when actors are no longer what they were: `Tx.stale`."""
ActorKind = Literal["key", "user", "app", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Bound to one organization; nothing is read or written without one.

    What it may do is what its scopes say and, where it acts for a user, the user's roles as well.
    """

    organization_id: UUID
    kind: ActorKind
    id: UUID | None = None
    """The key, the membership of the user, or the app."""
    scopes: frozenset[str] = field(default_factory=frozenset)
    teams: frozenset[UUID] = field(default_factory=frozenset)
    """What `@my_teams` means in a filter."""
    time_zone: str = "UTC"
    country: str | None = None
    closed: Areas = field(default_factory=lambda: NOTHING_CLOSED, compare=False, repr=False)
    """The areas that the organization has switched off, at the moment of the transaction."""
    session_id: UUID | None = None
    """The login that a user works in."""
    access: Access | None = None
    """The rights of the user for whom it acts; a service account has its scopes alone."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id or ''}"

    @property
    def me(self) -> UUID | None:
        """What `@me` means: the user, or else the credential itself."""
        return self.id if self.access is None else self.access.user_id

    def hidden(self, entity: str) -> frozenset[str]:
        """The fields of a kind of record that are kept from whoever asks."""
        return _NONE if self.access is None else self.access.hidden.get(entity, _NONE)

    def read_only(self, entity: str) -> frozenset[str]:
        """The fields of a kind of record that whoever asks may not set."""
        return _NONE if self.access is None else self.access.read_only.get(entity, _NONE)

    def stored(self) -> dict[str, Any]:
        """As it is kept with a job, which finds out itself what may be done and is open by then."""
        return {
            "organization_id": self.organization_id,
            "kind": self.kind,
            "id": self.id,
            "scopes": sorted(self.scopes),
            "teams": sorted(self.teams),
            "time_zone": self.time_zone,
            "country": self.country,
            "session_id": self.session_id,
            "user_id": None if self.access is None else self.access.user_id,
        }

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        """Who was kept by `stored`, after a way through JSON, but for the rights of a user."""
        return cls(
            organization_id=UUID(stored["organization_id"]),
            kind=stored["kind"],
            id=UUID(stored["id"]) if stored["id"] else None,
            scopes=frozenset(stored["scopes"]),
            teams=frozenset(map(UUID, stored.get("teams", ()))),
            time_zone=stored["time_zone"],
            country=stored["country"],
        )

    def scoped(self, scope: str) -> bool:
        """Whether the credential has a scope such as `contacts:write`, whatever the roles say.

        `*`, `contacts:*` and `*:write` hold what they name; to purge is to write, and to write is
        to read.
        """
        if scope in self.scopes or "*" in self.scopes:
            return True
        area, _, verb = scope.partition(":")
        verbs = ("*", verb, *_IMPLIED_BY.get(verb, ()))
        wider = {f"{where}:{what}" for where in (area, "*") for what in verbs}
        return not wider.isdisjoint(self.scopes)

    def holds(self, scope: str) -> bool:
        """Whether what a scope is about may be done, at some records, whatever is switched off."""
        if not self.scoped(scope):
            return False
        area, _, verb = scope.partition(":")
        return self.access is None or self.access.covers(area, verb)

    def covers(self, scope: str) -> bool:
        """Whether what a scope is about may be done, in an area that is open to it."""
        area, _, verb = scope.partition(":")
        closed = self.closed.get(area) if self.closed else None
        return (closed is None or closed.opens_to(verb)) and self.holds(scope)

    def need_open(self, scope: str) -> None:
        """Raise `ModuleClosed` where the organization has switched off what the scope is for."""
        if self.closed:
            area, _, verb = scope.partition(":")
            if area in self.closed:
                self.closed[area].refuse(verb)

    def require(self, scope: str) -> None:
        """Raise `Forbidden` unless it may be done, `ModuleClosed` where its area is closed."""
        self.need_scope(scope)
        if not self.holds(scope):
            raise missing_right(scope)

    def need(self, area: str, action: Action) -> None:
        """Raise `Forbidden` unless an action is allowed in an area, with some records at least."""
        self.need_scope(f"{area}:{'read' if action == 'read' else 'write'}")
        if self.level(area, action) == "none":
            raise missing_right(f"{area}:{action}")

    def need_scope(self, scope: str) -> None:
        """Raise `Forbidden` unless the credential has a scope, whatever the roles say."""
        self.need_open(scope)
        if not self.scoped(scope):
            raise Forbidden(
                f"The credential lacks the scope {scope}.",
                code="insufficient_scope",
                details={"scope": scope},
            )

    def require_all(self, scopes: Iterable[str]) -> None:
        """Raise `Forbidden` unless each scope is held: nobody hands on what they lack.

        What the roles of a user say holds wherever the user does, so scopes alone count here.
        """
        faults = [
            Fault("exceeds_maker", f"You do not hold {scope}.", pointer=f"/scopes/{place}")
            for place, scope in enumerate(scopes)
            if not self.scoped(scope)
        ]
        if faults:
            raise exceeds_maker(faults)

    def level(self, area: str, action: Action) -> Level:
        """How far an action reaches in an area."""
        return "all" if self.access is None else self.access.level(area, action)

    def permitted(self, permission: str) -> None:
        """Raise `Forbidden` unless the user's roles give a permission such as `merge`."""
        if self.access is not None and not self.access.holds(permission):
            raise missing_right(permission)


def exceeds_maker(faults: Sequence[Fault]) -> Forbidden:
    """The error for a credential that would hold more than who makes it."""
    message = "Nobody hands on more than they hold."
    return Forbidden(message, code="exceeds_maker", faults=faults)


def hidden_field(name: str, pointer: str | None = None) -> Forbidden:
    """The error for a field that every role of the user hides."""
    message = f"{name} is hidden from you."
    faults = [Fault("hidden_field", message, pointer=pointer or f"/{name.replace('.', '/')}")]
    return Forbidden(message, code="hidden_field", faults=faults)


def missing_right(right: str) -> Forbidden:
    """The error for what no role of the user allows."""
    return Forbidden(
        f"No role of the user gives the right {right}.",
        code="missing_right",
        details={"right": right},
    )
