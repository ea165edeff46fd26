"""The rules of teams, and of who belongs to them: nobody makes their own reach wider by them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.kit.access import Access
from crm_api.kit.actor import CREDENTIALS
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.tree import TreeService
from crm_api.kit.db.base import Entity
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Forbidden
from crm_api.platform.identity.models import Team, TeamMember
from crm_api.platform.identity.repository import TeamMembers, Teams, Users
from crm_api.platform.identity.schemas import (
    TeamCreate,
    TeamMemberCreate,
    TeamMemberUpdate,
    TeamUpdate,
)

_NARROW = frozenset({"own", "team", "subtree"})


class TeamService(TreeService[Team], NamedService[Team]):
    """Teams and their hierarchy."""

    repository = Teams
    area = "teams"
    plural = "teams"
    personal = Impersonal("Members of the organization.")
    create_shape = TeamCreate
    update_shape = TeamUpdate
    stale = frozenset({CREDENTIALS})
    records: Teams

    async def amend(
        self,
        current: Team,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Set what differs, and give whoever does it no records of others."""
        parent_id: UUID | None = values.get("parent_id", current.parent_id)
        back = _comes_back(current, values)
        if back or parent_id != current.parent_id:
            await self._need_same_reach(current.id, parent_id, back=back)
        await super().amend(current, values, verb=verb, told=told)

    async def _need_same_reach(self, id: UUID, parent_id: UUID | None, *, back: bool) -> None:
        access = self.tx.actor.access
        if access is None or not (levels := _narrow(access)):
            return
        if back and await self.records.has_member(id, access.user_id):
            raise _wider("")
        if parent_id is not None and "subtree" in levels:
            below = await self.records.below(access.teams)
            if parent_id in below and id not in below:
                raise _wider("/parent_id")


class TeamMemberService(CrudService[TeamMember]):
    """Who belongs to which team, and who leads it."""

    repository = TeamMembers
    area = "teams"
    plural = "team_members"
    personal = Impersonal("Members of the organization.")
    create_shape = TeamMemberCreate
    update_shape = TeamMemberUpdate
    stale = frozenset({CREDENTIALS})

    async def prepare(self, values: dict[str, Any], current: TeamMember | None) -> dict[str, Any]:
        """Whoever lets somebody into a team does not get their records by it, nor the team's."""
        if current is None:
            await _need_same_reach(self.tx, values["team_id"], values["user_id"])
        return await super().prepare(values, current)

    async def amend(
        self,
        current: TeamMember,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Set what differs; whoever comes back is let in as anew."""
        if _comes_back(current, values):
            await _need_same_reach(self.tx, current.team_id, current.user_id)
        await super().amend(current, values, verb=verb, told=told)


async def _need_same_reach(tx: Tx, team_id: UUID, user_id: UUID) -> None:
    """Raise `Forbidden` where the actor would reach more records if somebody joined a team.

    Whoever has not joined the organization yet brings none.
    """
    access = tx.actor.access
    if access is None or not (levels := _narrow(access)):
        return
    if user_id == access.user_id:
        if team_id not in access.teams:
            raise _wider("/team_id")
        return
    gains = "team" in levels and team_id in access.teams and user_id not in access.peers
    if not gains and "subtree" in levels and user_id not in access.subtree:
        gains = team_id in await Teams(tx).below(access.teams)
    if gains:
        user = await Users(tx).find(user_id)
        if user is None or user.status != "invited":
            raise _wider("/user_id")


def _comes_back(current: Entity, values: Mapping[str, Any]) -> bool:
    """Whether a record leaves the bin."""
    return current.deleted_at is not None and not values.get("deleted_at", current.deleted_at)


def _narrow(access: Access) -> frozenset[str]:
    """The levels of somebody that teams make wider."""
    if access.full:
        return frozenset()
    return _NARROW & {level for reach in access.levels.values() for level in reach.values()}


def _wider(pointer: str) -> Forbidden:
    message = "You would reach more records yourself; somebody who may do everything does it."
    fault = Fault("exceeds_grantor", message, pointer=pointer)
    return Forbidden("Nobody gives more than they have.", code="exceeds_grantor", faults=[fault])
