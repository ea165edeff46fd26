"""The rules of organizations, API keys, users and teams."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.service import CrudService, values_of
from crm_api.kit.crud.tree import TreeService
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Fault, Forbidden
from crm_api.kit.ids import new_id
from crm_api.kit.schema import Create
from crm_api.platform.identity.models import ApiKey, Organization, Team, TeamMember, User
from crm_api.platform.identity.repository import (
    ApiKeys,
    TeamMembers,
    Teams,
    Users,
    change_organization,
    own_organization,
)
from crm_api.platform.identity.schemas import (
    ApiKeyCreate,
    ApiKeyUpdate,
    OrganizationUpdate,
    TeamCreate,
    TeamMemberCreate,
    TeamMemberUpdate,
    TeamUpdate,
    UserCreate,
    UserUpdate,
)
from crm_api.platform.identity.tokens import hash_of, new_token


class ApiKeyService(CrudService[ApiKey]):
    """Keys of programs; a key in the bin no longer opens anything."""

    repository = ApiKeys
    area = "api_keys"
    plural = "api_keys"
    create_shape = ApiKeyCreate
    update_shape = ApiKeyUpdate
    # Only creation shows a token, so the caller must know which of the two it was.
    upserts = False

    async def create(self, data: Create) -> Any:
        """A new key; the answer holds its token this once."""
        assert isinstance(data, ApiKeyCreate)
        self.tx.actor.require(f"{self.area}:write")
        self._need_all(data.scopes)
        given = data.model_dump()
        return self.issue(given.pop("name"), given.pop("scopes"), **given)

    async def restore(self, id: UUID) -> Any:
        """Let a key open again; only for those who could have made it."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.records.get(id, lock=True, deleted=True)
        self._need_all(current.scopes)
        return await super().restore(id)

    def _need_all(self, scopes: Sequence[str]) -> None:
        for index, scope in enumerate(scopes):
            if not self.tx.actor.covers(scope):
                message = f"You do not hold {scope}."
                raise Forbidden(
                    "A key never holds more than its maker.",
                    code="exceeds_maker",
                    faults=[Fault("exceeds_maker", message, pointer=f"/scopes/{index}")],
                )

    def issue(self, name: str, scopes: list[str], **given: Any) -> dict[str, Any]:
        """Store a key with whatever else is given; returns its representation and `token`."""
        token = new_token()
        made = self.add(
            {
                "name": name,
                "prefix": token.prefix,
                "secret_hash": hash_of(self.tx.database.signing_key, token.secret),
                "scopes": list(dict.fromkeys(scopes)),
                "custom": {},
                "external_ids": {},
                **given,
            }
        )
        shown = {name: getattr(made, name) for name in self.records.listing.shown}
        return {**shown, "token": str(token)}


class UserService(NamedService[User]):
    """The people who work with the service."""

    repository = Users
    area = "users"
    plural = "users"
    create_shape = UserCreate
    update_shape = UserUpdate

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by e-mail address."""
        return [("email", record["email"])]

    async def create(self, data: Create) -> Any:
        """A user who is invited."""
        self.tx.actor.require(f"{self.area}:write")
        return self.add({**await self.prepare(values_of(data), None), "status": "invited"})


class TeamService(TreeService[Team], NamedService[Team]):
    """Teams and their hierarchy."""

    repository = Teams
    area = "teams"
    plural = "teams"
    create_shape = TeamCreate
    update_shape = TeamUpdate


class TeamMemberService(CrudService[TeamMember]):
    """Who belongs to which team, and who leads it."""

    repository = TeamMembers
    area = "teams"
    plural = "team_members"
    create_shape = TeamMemberCreate
    update_shape = TeamMemberUpdate


class OrganizationService:
    """The actor's own organization."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def own(self) -> Any:
        """The organization that the credential belongs to."""
        return await own_organization(self.tx)

    async def update(self, data: OrganizationUpdate) -> Any:
        """Apply a merge patch; returns the organization after it."""
        self.tx.actor.require("organization:write")
        given = data.model_dump(exclude_unset=True)
        if not given:
            return await self.own()
        before, after = await change_organization(self.tx, given)
        changed = [name for name in given if before[name] != after[name]]
        if changed:
            self.tx.record(
                "organization.updated",
                entity="organization",
                record_id=self.tx.organization_id,
                version=1,
                data={name: after[name] for name in changed},
                previous={name: before[name] for name in changed},
            )
        return after


async def found_organization(
    database: Database,
    name: str,
    *,
    country: str | None = None,
    time_zone: str = "UTC",
    currency: str = "EUR",
    key_name: str = "Administrator",
) -> tuple[UUID, str]:
    """A new organization and the token of its first key, which may do everything."""
    id = new_id()
    actor = Actor(id, "system", scopes=frozenset({"*"}), time_zone=time_zone, country=country)
    async with unit_of_work(Tx(database, actor)) as tx:
        tx.insert(
            Organization,
            {
                "id": id,
                "name": name,
                "country": country,
                "time_zone": time_zone,
                "currency": currency,
                "created_at": tx.now,
            },
        )
        made = ApiKeyService(tx).issue(key_name, ["*"])
    return id, made["token"]
