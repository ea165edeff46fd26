"""Who stands above whom: users in teams, teams below teams, all below the organization."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from crm_api.domains.forecasting.models import NodeKind
from crm_api.domains.forecasting.snapshots import AREA
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx

_ORGANIZATION = "SELECT id, name FROM organizations WHERE id = $1"
_TEAMS = """
    SELECT id, name, parent_id FROM teams WHERE organization_id = $1 AND deleted_at IS NULL
    ORDER BY sort_name, id
"""
_MEMBERS = """
    SELECT m.team_id, m.user_id, m.is_lead FROM team_members m
    JOIN users u ON u.organization_id = m.organization_id AND u.id = m.user_id
    JOIN teams t ON t.organization_id = m.organization_id AND t.id = m.team_id
    WHERE m.organization_id = $1 AND m.deleted_at IS NULL AND u.deleted_at IS NULL
        AND t.deleted_at IS NULL
    ORDER BY t.sort_name, t.id, m.id
"""
_USERS = """
    SELECT id, name FROM users WHERE organization_id = $1 AND id = ANY($2) ORDER BY sort_name, id
"""
_LIVING = """
    SELECT id FROM users WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
"""
_USER = "SELECT id FROM users WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL"


@dataclass(frozen=True, slots=True)
class Node:
    """A user, a team or the organization."""

    kind: NodeKind
    id: UUID
    name: str
    parent_id: UUID | None


class Tree:
    """The teams of an organization with their members."""

    def __init__(
        self, organization: tuple[UUID, str], teams: Sequence[Any], members: Sequence[Any]
    ) -> None:
        self.root = Node("organization", organization[0], organization[1], None)
        known = {row["id"] for row in teams}
        self.teams = {
            row["id"]: Node(
                "team",
                row["id"],
                row["name"],
                row["parent_id"] if row["parent_id"] in known else self.root.id,
            )
            for row in teams
        }
        self._below: dict[UUID, list[UUID]] = {}
        for team in self.teams.values():
            assert team.parent_id is not None
            self._below.setdefault(team.parent_id, []).append(team.id)
        self._members: dict[UUID, list[UUID]] = {}
        self._leads: dict[UUID, set[UUID]] = {}
        self.teams_of: dict[UUID, list[UUID]] = {}
        for row in members:
            self._members.setdefault(row["team_id"], []).append(row["user_id"])
            self.teams_of.setdefault(row["user_id"], []).append(row["team_id"])
            if row["is_lead"]:
                self._leads.setdefault(row["team_id"], set()).add(row["user_id"])
        self.people = cache(self._people)

    @classmethod
    async def of(cls, tx: Tx) -> "Tree":
        """The tree as it is now."""
        own = tx.organization_id
        organization = (await tx.fetch(_ORGANIZATION, own))[0]
        teams, members = await tx.fetch(_TEAMS, own), await tx.fetch(_MEMBERS, own)
        return cls((organization["id"], organization["name"]), teams, members)

    def _people(self, team_id: UUID) -> frozenset[UUID]:
        """The members of a team and of those below it."""
        below = [self.people(id) for id in self._below.get(team_id, ())]
        return frozenset(self._members.get(team_id, ())).union(*below)

    def above(self, node_id: UUID) -> list[UUID]:
        """The ids of all nodes above one: of a user those of all teams that it is in."""
        if node_id == self.root.id:
            return []
        start = self.teams_of.get(node_id, ())
        if node_id in self.teams:
            start = [parent] if (parent := self.teams[node_id].parent_id) else ()
        found: dict[UUID, None] = {}
        for id in start:
            at: UUID | None = id
            while at is not None and at not in found and at != self.root.id:
                found[at] = None
                at = self.teams[at].parent_id
        return [*found, self.root.id]

    def teams_below(self, node_id: UUID) -> list[UUID]:
        """All teams below a team or the organization."""
        found = list(self._below.get(node_id, ()))
        for id in found:
            found += self._below.get(id, ())
        return found

    def users_in(self, ids: Iterable[UUID]) -> list[UUID]:
        """Those of some nodes that are users."""
        return [id for id in ids if id not in self.teams and id != self.root.id]

    def standing(self, ids: Iterable[UUID], people: Collection[UUID]) -> set[UUID]:
        """Those of some nodes that are there: teams of now, these users, the organization."""
        return {id for id in ids if id in self.teams or id == self.root.id or id in people}

    def leads(self, team_ids: Iterable[UUID]) -> set[UUID]:
        """Who leads one of these."""
        return {user for id in team_ids for user in self._leads.get(id, ())}

    def downwards(self) -> list[Node]:
        """The organization and its teams, each after the one above it."""
        found, ahead = [self.root], list(reversed(self._below.get(self.root.id, ())))
        while ahead:
            id = ahead.pop()
            found.append(self.teams[id])
            ahead += reversed(self._below.get(id, ()))
        return found

    def effective(
        self,
        node: Node,
        everybody: Collection[UUID | None],
        said: Mapping[UUID, Decimal],
        computed: Callable[[UUID | None], Decimal],
    ) -> Decimal:
        """What is expected of a node: what was said of it, else what those below add up to.

        Nobody counts twice who is in several teams. What belongs to nobody belongs to the whole.
        """
        if node.id in said:
            return said[node.id]
        if node.kind == "user":
            return computed(node.id)
        is_root = node.kind == "organization"
        left = set(everybody if is_root else self.people(node.id))
        total, ahead = Decimal(0), list(self._below.get(node.id, ()))
        while ahead:
            id = ahead.pop()
            if id in said:
                total += said[id]
                left -= self.people(id)
            else:
                ahead += self._below.get(id, ())
        for user_id in left:
            word = None if user_id is None else said.get(user_id)
            total += computed(user_id) if word is None else word
        return total


def reach_of(actor: Actor) -> frozenset[UUID] | None:
    """Whose forecasts an actor's level reaches; None are everybody's."""
    access, level = actor.access, actor.level(AREA, "read")
    return None if access is None or level == "all" else frozenset(access.owners(level))


def is_within(tree: Tree, node: Node, reach: frozenset[UUID] | None) -> bool:
    """Whether all whom a node is about are within reach."""
    if reach is None:
        return True
    if node.kind == "user":
        return node.id in reach
    people = tree.people(node.id)
    return node.kind == "team" and bool(people) and people <= reach


async def users_of(tx: Tx, ids: Collection[UUID]) -> list[Any]:
    """Users by their names: `id, name`."""
    return await tx.fetch(_USERS, tx.organization_id, list(ids)) if ids else []


async def living_of(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    """Those of some ids that are of users who have not left."""
    return {row["id"] for row in await tx.fetch(_LIVING, tx.organization_id, list(ids))}


async def is_user(tx: Tx, id: UUID) -> bool:
    """Whether there is such a user."""
    return bool(await tx.fetch(_USER, tx.organization_id, id))
