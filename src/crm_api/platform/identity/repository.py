"""How API keys, organizations, users and teams are found."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.tree import TreeRepository
from crm_api.kit.db.tx import Tx
from crm_api.kit.points import email_key
from crm_api.kit.query.listing import Key, Listing, Relation, Searched
from crm_api.platform.identity.models import ApiKey, Team, TeamMember, User
from crm_api.platform.identity.schemas import ApiKeyOut, TeamMemberOut, TeamOut, UserOut

USERS: Listing = Listing(
    model=User,
    out=UserOut,
    area="users",
    sorts={"name": User.sort_name},
    relations=(
        Relation(
            "memberships", lambda: TEAM_MEMBERS, User.id, TeamMember.user_id, many=True, part=True
        ),
    ),
    matched_by={"email": Key("email", email_key)},
    search=Searched(names=("name",), others=("email", "external_ids"), subtitle=("email",)),
)
TEAMS: Listing = Listing(
    model=Team,
    out=TeamOut,
    area="teams",
    sorts={"name": Team.sort_name},
    relations=(
        Relation("parent", lambda: TEAMS, Team.parent_id, Team.id),
        Relation("children", lambda: TEAMS, Team.id, Team.parent_id, many=True),
        Relation(
            "members", lambda: TEAM_MEMBERS, Team.id, TeamMember.team_id, many=True, part=True
        ),
    ),
    search=Searched(names=("name",), others=("external_ids",)),
)
TEAM_MEMBERS: Listing = Listing(
    model=TeamMember,
    out=TeamMemberOut,
    area="teams",
    relations=(
        Relation("team", lambda: TEAMS, TeamMember.team_id, Team.id),
        Relation("user", lambda: USERS, TeamMember.user_id, User.id),
    ),
)


API_KEYS: Listing = Listing(
    model=ApiKey,
    out=ApiKeyOut,
    area="api_keys",
    relations=(Relation("user", lambda: USERS, ApiKey.user_id, User.id),),
)


class ApiKeys(Repository[ApiKey]):
    """The keys of an organization."""

    model = ApiKey
    listing = API_KEYS


class Users(Repository[User]):
    """The users of an organization."""

    model = User
    listing = USERS

    async def of_address(self, email: str) -> User | None:
        """The living user of a normalised address, else one who is in the bin; locked."""
        query = self.select().where(User.email == email)
        query = query.order_by(User.deleted_at.desc().nulls_first()).limit(1).with_for_update()
        return (await self.tx.run(query)).scalar_one_or_none()


# What a circle would repeat, UNION leaves out.
_BELOW = """
    WITH RECURSIVE below AS (
        SELECT id FROM teams WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
        UNION SELECT t.id FROM teams t JOIN below b ON t.parent_id = b.id
        WHERE t.organization_id = $1 AND t.deleted_at IS NULL)
    SELECT id FROM below
"""
_HAS_MEMBER = """
    SELECT FROM team_members WHERE organization_id = $1 AND team_id = $2 AND user_id = $3
    AND deleted_at IS NULL
"""


class Teams(TreeRepository[Team]):
    """The teams of an organization."""

    model = Team
    listing = TEAMS

    async def below(self, ids: Sequence[UUID]) -> set[UUID]:
        """Some teams with all that stand below them."""
        return {row["id"] for row in await self.tx.fetch(_BELOW, self.tx.organization_id, ids)}

    async def has_member(self, id: UUID, user_id: UUID) -> bool:
        """Whether somebody belongs to a team itself."""
        return bool(await self.tx.fetch(_HAS_MEMBER, self.tx.organization_id, id, user_id))


class TeamMembers(Repository[TeamMember]):
    """Who belongs to which team."""

    model = TeamMember
    listing = TEAM_MEMBERS


async def forget_sessions(tx: Tx, user_id: UUID) -> None:
    """Remove what is kept of a user's logins (`platform/accounts`)."""
    for table in ("sessions", "outside_logins"):
        await tx.write(
            f"DELETE FROM {table} WHERE organization_id = $1 AND user_id = $2",  # noqa: S608
            tx.organization_id,
            user_id,
        )


async def own_organization(tx: Tx) -> Any:
    """The actor's organization."""
    rows = await tx.fetch(
        f"SELECT {_OWN} FROM organizations WHERE id = $1",  # noqa: S608
        tx.organization_id,
    )
    return dict(rows[0])


async def change_organization(tx: Tx, values: Mapping[str, Any]) -> tuple[Any, Any]:
    """The actor's organization before and after these changes; others wait till the commit."""
    before = await tx.write(
        f"SELECT {_OWN} FROM organizations WHERE id = $1 FOR UPDATE",  # noqa: S608
        tx.organization_id,
    )
    chosen = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, start=2))
    after = await tx.write(
        f"UPDATE organizations SET {chosen} WHERE id = $1 RETURNING {_OWN}",  # noqa: S608
        tx.organization_id,
        *values.values(),
    )
    return dict(before[0]), dict(after[0])


_OWN = "id, name, country, time_zone, currency, language, fiscal_year_starts_in, bulk_limit, created_at"
