"""The rules of organizations, API keys and users."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Protocol
from uuid import UUID

from pydantic import ValidationError

from crm_api.kit.actor import CREDENTIALS, Actor, exceeds_maker
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Conflict, Fault, Forbidden, Invalid, WrongState
from crm_api.kit.ids import new_id
from crm_api.kit.letters import post
from crm_api.kit.schema import Create
from crm_api.kit.tokens import Opaque, keyed_hash, new_secret, same
from crm_api.platform.identity.models import ApiKey, Organization, User
from crm_api.platform.identity.repository import (
    ApiKeys,
    Users,
    change_organization,
    forget_sessions,
    own_organization,
)
from crm_api.platform.identity.schemas import (
    ApiKeyCreate,
    ApiKeyUpdate,
    OrganizationUpdate,
    UserCreate,
    UserUpdate,
)
from crm_api.platform.identity.tokens import hash_of, new_token

INVITATION = "invite"
INVITED_FOR = timedelta(days=7)
_OWN_KEYS = "You make keys for yourself alone."
_MORE = "A user may do what the key's maker may not."


class Assign(Protocol):
    """Gives a user roles."""

    async def __call__(self, tx: Tx, user_id: UUID, role_ids: list[UUID]) -> None: ...


class ApiKeyService(CrudService[ApiKey]):
    """Keys of programs; a key in the bin no longer opens anything."""

    repository = ApiKeys
    area = "api_keys"
    plural = "api_keys"
    personal = Impersonal("Programs of the organization.")
    create_shape = ApiKeyCreate
    update_shape = ApiKeyUpdate
    # Only creation shows a token, so the caller must know which of the two it was.
    upserts = False
    stale = frozenset({CREDENTIALS})

    async def create(self, data: Create) -> Any:
        """A new key; the answer holds its token this once."""
        assert isinstance(data, ApiKeyCreate)
        self.need("create")
        self.tx.actor.require_all(data.scopes)
        given = await self.given(data)
        given["user_id"] = self._user_of(data.user_id)
        made = self.issue(given.pop("name"), given.pop("scopes"), **given)
        custom = self.fields.shown(made["custom"], self.tx.actor)
        return {**made, "custom": custom}

    async def prepare(self, values: dict[str, Any], current: ApiKey | None) -> dict[str, Any]:
        """From where and until when a key opens is said by those who could have made it."""
        if current is not None:
            self._need_like(current)
        return await super().prepare(values, current)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Let a key open again; only for those who could have made it."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        self._need_like(current)
        return await super().restore(id, expected_version=expected_version)

    async def rotate(self, id: UUID, grace: timedelta) -> dict[str, Any]:
        """A new key like an old one, which lasts for a while beside it."""
        self.need("update")
        old = await self.locked(id)
        self._need_like(old)
        alike = ("owner_id", "custom", "expires_at", "allowed_addresses", "user_id")
        made = self.issue(old.name, old.scopes, **{name: getattr(old, name) for name in alike})
        ends = self.tx.now + grace
        if old.expires_at is None or old.expires_at > ends:
            await self.change(old, {"expires_at": ends}, verb="rotated")
        return made

    def _need_like(self, key: ApiKey) -> None:
        """Raise `Forbidden` unless the actor could have made such a key."""
        self.tx.actor.require_all(key.scopes)
        if self._user_of(key.user_id) != key.user_id:
            raise exceeds_maker([Fault("exceeds_maker", _OWN_KEYS, "/user_id")])

    def _user_of(self, user_id: UUID | None) -> UUID | None:
        """For whom a key acts: whoever may not do everything makes keys for themselves alone.

        A service account without the scope `*` makes none for users, whose roles may say more.
        """
        actor = self.tx.actor
        access = actor.access
        if access is not None and not access.full:
            if user_id not in {None, access.user_id}:
                raise exceeds_maker([Fault("exceeds_maker", _OWN_KEYS, "/user_id")])
            return access.user_id
        if user_id is not None and not actor.scoped("*"):
            raise exceeds_maker([Fault("exceeds_maker", _MORE, "/user_id")])
        return user_id

    def issue(self, name: str, scopes: list[str], **given: Any) -> dict[str, Any]:
        """Store a key with whatever else is given; returns its representation and `token`."""
        token = new_token()
        self.tx.confidential = True
        made = self.add(
            {
                "name": name,
                "prefix": token.prefix,
                "secret_hash": hash_of(self.tx.database.signing_key, token.secret),
                "scopes": list(dict.fromkeys(scopes)),
                "custom": {},
                "external_ids": {},
                "allowed_addresses": [],
                "user_id": None,
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
    personal = Impersonal("Members of the organization, who leave it by another way.")
    create_shape = UserCreate
    update_shape = UserUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"status": "invited"}
    stale = frozenset({CREDENTIALS})
    assign: ClassVar[Assign]
    """Gives a new user roles; set by the part of the product that knows them."""
    forget: ClassVar[Callable[[Tx, UUID], Awaitable[None]]]
    """Destroys what says that a user had roles; set by the same."""
    spend: ClassVar[Callable[[Tx, UUID], Awaitable[None]]]
    """Voids what was sent to an account to set a password; set by what knows accounts."""

    async def create(self, data: Create) -> Any:
        """A new user, with the roles that they begin with."""
        assert isinstance(data, UserCreate)
        made = await super().create(data)
        if data.role_ids:
            await self.assign(self.tx, made.id, data.role_ids)
        return made

    async def prepare(self, values: dict[str, Any], current: User | None) -> dict[str, Any]:
        """Roles are no columns of a user; what was sent to a former address opens nothing."""
        values.pop("role_ids", None)
        values = await super().prepare(values, current)
        if current is not None and values.get("email", current.email) != current.email:
            if current.id != self.tx.actor.me:
                # Who they are goes by it, and where what they see is sent.
                self._need_to_hold_all("changes the address of")
            values |= {"invitation_hash": None, "invited_until": None}
            if current.account_id is not None:
                await type(self).spend(self.tx, current.account_id)
        return values

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by e-mail address."""
        return [("email", record["email"])]

    async def invite(self, id: UUID) -> dict[str, Any]:
        """A token with which the user joins; an earlier one opens nothing any more."""
        self.tx.actor.require(f"{self.area}:write")
        self._need_to_hold_all("invites")
        current = await self.locked(id)
        if current.status != "invited":
            raise WrongState(f"The user is {current.status} already.")
        self.tx.confidential = True
        token = Opaque(INVITATION, (self.tx.organization_id, id), new_secret())
        expires_at = self.tx.now + INVITED_FOR
        invitation = {"invitation_hash": self._hash(token.secret), "invited_until": expires_at}
        await self.change(current, invitation, verb="invited", told={"expires_at": expires_at})
        said = {"token": str(token), "until": f"{expires_at:%Y-%m-%d %H:%M}"}
        post(self.tx, "invitation", current.email, id, said)
        return {
            "token": str(token),
            "user_id": id,
            "email": current.email,
            "expires_at": expires_at,
        }

    async def invited(self, id: UUID, secret: str) -> User:
        """The user whom an invitation is for, locked; raises `Invalid`."""
        found = await self.records.find(id, lock=True)
        if (
            found is None
            or found.status != "invited"
            or found.invitation_hash is None
            or not same(found.invitation_hash, self._hash(secret))
        ):
            raise Invalid.at("/token", "invalid_token", "There is no such invitation any more.")
        if found.invited_until is None or found.invited_until <= self.tx.now:
            raise Invalid.at("/token", "expired_token", "The invitation has expired.")
        return found

    async def admitted(self, email: str, name: str, role_ids: Sequence[UUID]) -> User:
        """The user of an address, made with roles where there is none, who may join uninvited.

        Raises `Forbidden` for whoever was let in once and is no more, `Conflict` for members.
        """
        found = await self.records.of_address(email)
        if found is None:
            given = {"email": email, "role_ids": list(role_ids)}
            try:
                data = UserCreate.model_validate({**given, "name": name})
            except ValidationError:
                data = UserCreate.model_validate({**given, "name": email})
            return await self.locked((await self.create(data)).id)
        if found.deleted_at is not None or found.status == "suspended":
            raise Forbidden("The user is not let in any more.", code="user_not_active")
        if found.status == "active":
            message = "The address is a member's. Log in otherwise, then link this login."
            raise Conflict(message, code="link_needed")
        return found

    async def join(self, user: User, account_id: UUID) -> Any:
        """Make an invited user an active one, who logs in by this account."""
        joined = {"account_id": account_id, "status": "active"}
        spent = {"invitation_hash": None, "invited_until": None}
        return await self.change(user, {**joined, **spent}, verb="joined")

    async def suspend(self, id: UUID) -> Any:
        """Let a user in no more; all sessions end."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.locked(id)
        if current.status != "active":
            raise WrongState(f"The user is {current.status}, not active.")
        if id == self.tx.actor.me:
            raise WrongState("Nobody suspends themselves.", code="own_user")
        ended = {"status": "suspended", "epoch": current.epoch + 1}
        return await self.told(await self.change(current, ended, verb="suspended"))

    async def reactivate(self, id: UUID) -> Any:
        """Let a suspended user in again, by a new login."""
        self.tx.actor.require(f"{self.area}:write")
        self._need_to_hold_all("reactivates")
        current = await self.locked(id)
        if current.status != "suspended":
            raise WrongState(f"The user is {current.status}, not suspended.")
        active = {"status": "active"}
        return await self.told(await self.change(current, active, verb="reactivated"))

    async def end_sessions(self, id: UUID) -> None:
        """Log a user out everywhere in this organization."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.locked(id)
        await self.change(current, {"epoch": current.epoch + 1}, verb="logged_out")

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a user out of the bin; whoever has joined before is let in again."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.account_id is not None:
            self._need_to_hold_all("restores")
        return await super().restore(id, expected_version=expected_version)

    async def check_purge(self, current: User) -> None:
        """Nothing stands in the way; roles and sessions go with the user."""
        await type(self).forget(self.tx, current.id)
        await forget_sessions(self.tx, current.id)

    def _need_to_hold_all(self, verb: str) -> None:
        """A member may do whatever the organization's roles say, which a key may fall short of."""
        if not self.tx.actor.covers("*"):
            message = f"Only who may do everything {verb} members."
            raise Forbidden(message, code="exceeds_maker")

    def _hash(self, secret: str) -> str:
        return keyed_hash(self.tx.database.signing_key, INVITATION, secret)


class OrganizationService:
    """The actor's own organization."""

    followers: ClassVar[list[Callable[[Tx], Any]]] = []
    """Told in the transaction in which another time zone is given."""

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
        if "time_zone" in changed:
            self.tx.learned.move(after["time_zone"])
            for follow in self.followers:
                follow(self.tx)
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
        tx.learned.move(time_zone)
        made = ApiKeyService(tx).issue(key_name, ["*"])
    return id, made["token"]
