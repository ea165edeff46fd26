"""Logging in by a provider of OpenID Connect: the way there, and what comes back (ADR-0030)."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from crm_api.kit import clock
from crm_api.kit.actor import Actor
from crm_api.kit.attempts import Attempts
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Conflict, Forbidden, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.secrets import Place, Unreadable
from crm_api.kit.tokens import derived_secret, parse, same
from crm_api.kit.values import email as addresses
from crm_api.kit.values.errors import BadValue
from crm_api.platform.accounts import links, repository, second_factor, store
from crm_api.platform.accounts.apps import with_query
from crm_api.platform.accounts.links import Identity
from crm_api.platform.accounts.login import INVITATION, Logins
from crm_api.platform.accounts.models import IdentityProvider
from crm_api.platform.accounts.openid import Exchange, OpenId, Provider
from crm_api.platform.accounts.outside_schemas import LinkBegin, OutsideBegin, OutsideFinish
from crm_api.platform.accounts.providers import IdentityProviderService
from crm_api.platform.accounts.sessions import OUTSIDE, Member, Opening, Origin, Sessions

BACK_WITHIN = timedelta(minutes=10)
_PLACE = Place(None, "flows", "flow", "")


class Flow(msgspec.Struct, frozen=True):
    """A login that is under way; sealed in what the browser keeps, stored nowhere."""

    id: UUID
    organization_id: UUID
    provider_id: UUID
    issuer: str
    redirect_uri: str
    until: datetime
    user_id: UUID | None = None
    """The member who links a login to their account."""
    invitation: str | None = None


_NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("password_hash", "password_changed_at")),
    **second_factor.NONE,
    **store.NO_RESET,
    **store.NO_CHANGE,
}
"""The columns of an account that nothing opens."""


@dataclass(frozen=True)
class Recognised:
    """What a provider has said of somebody."""

    identity: Identity
    name: str
    provider: IdentityProvider

    @property
    def admits(self) -> bool:
        """Whether they become a member, although nobody has invited them."""
        return self.provider.admits and bool(self.provider.email_domains)


class Outside:
    """Lets members in whom an outside provider recognises, into that organization alone."""

    def __init__(self, database: Database, sessions: Sessions, openid: OpenId) -> None:
        self._database = database
        self._sessions = sessions
        self._openid = openid
        self._attempts = Attempts(database)

    async def begin(self, asked: OutsideBegin) -> dict[str, Any]:
        """Where the browser goes to log in, and what has to come back with it."""
        token = asked.invitation and parse(asked.invitation, INVITATION, 2)
        if asked.invitation is not None and (not token or token.ids[0] != asked.organization_id):
            message = "That is not an invitation of this organization."
            raise Invalid.at("/invitation", "invalid_token", message)
        place = (asked.organization_id, asked.provider_id, asked.redirect_uri)
        return await self._begun(*place, invitation=asked.invitation)

    async def begin_link(
        self, organization_id: UUID, user_id: UUID, asked: LinkBegin
    ) -> dict[str, Any]:
        """The same for a member who has logged in already."""
        place = (organization_id, asked.provider_id, asked.redirect_uri)
        return await self._begun(*place, user_id=user_id)

    async def finish(self, given: OutsideFinish, origin: Origin) -> dict[str, Any]:
        """Tokens of a new session."""
        flow = self._opened(given, None)
        address = self._attempts.address(origin.address)
        await self._attempts.count(address)
        seen = await self._seen(flow, given)
        link_id, member = await self._member(flow, seen, origin)
        await self._attempts.take_back(address)

        found = seen.provider

        async def note(tx: Tx, _session_id: UUID) -> None:
            same = {"issuer": found.issuer, "client_id": found.client_id}
            if not await repository.vouches(tx, found.id, **same):
                raise _unknown_provider()
            if not await links.used(tx, link_id, seen.identity):
                raise _unknown()

        opening = Opening(member, [OUTSIDE], origin, provider_id=found.id)
        return await self._sessions.open(opening, note)

    async def finish_link(
        self, organization_id: UUID, user_id: UUID, given: OutsideFinish, origin: Origin
    ) -> None:
        """Have a login open the account of a member who has logged in otherwise."""
        flow = self._opened(given, user_id)
        if flow.organization_id != organization_id:
            raise _invalid_flow()
        seen = await self._seen(flow, given)
        actor = Actor(organization_id, "user", user_id)
        async with unit_of_work(Tx(self._database, actor, request_id=origin.request_id)) as tx:
            if await links.holder(tx, seen.identity) is not None:
                raise Conflict("The login is linked already.", code="link_taken")
            _link(tx, user_id, seen.identity)

    async def _begun(
        self, organization_id: UUID, provider_id: UUID, redirect_uri: str, **more: Any
    ) -> dict[str, Any]:
        found = await self._provider(organization_id, provider_id)
        if redirect_uri not in found.redirect_uris:
            message = "The provider's settings do not have this redirect URI."
            raise Invalid.at("/redirect_uri", "unknown_redirect_uri", message)
        metadata = await self._openid.metadata(found.issuer)
        flow = Flow(
            id=new_id(),
            organization_id=organization_id,
            provider_id=provider_id,
            issuer=found.issuer,
            redirect_uri=redirect_uri,
            until=clock.now() + BACK_WITHIN,
            **more,
        )
        challenge = sha256(self._derived("verifier", flow).encode()).digest()
        query = {
            "response_type": "code",
            "client_id": found.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": self._derived("state", flow),
            "nonce": self._derived("nonce", flow),
            "code_challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return {
            "authorization_url": with_query(metadata["authorization_endpoint"], query),
            "flow": self._database.secrets.seal(encode(flow).decode(), _PLACE),
            "expires_at": flow.until,
        }

    def _opened(self, given: OutsideFinish, user_id: UUID | None) -> Flow:
        """The flow that something came back for; nothing is asked of anybody before this."""
        try:
            text = self._database.secrets.open(given.flow, _PLACE)
        except Unreadable:
            raise _invalid_flow() from None
        flow = msgspec.json.decode(text, type=Flow)
        if flow.user_id != user_id:
            raise _invalid_flow()
        if flow.until <= clock.now():
            raise Invalid.at("/flow", "expired_flow", "The login took too long; begin again.")
        if not same(given.state, self._derived("state", flow)):
            raise Invalid.at("/state", "wrong_state", "That came back for another login.")
        if given.iss is not None and given.iss != flow.issuer:
            raise Invalid.at("/iss", "wrong_issuer", "That came from another provider.")
        return flow

    async def _seen(self, flow: Flow, given: OutsideFinish) -> Recognised:
        """Who came back; the flow is used up, whatever becomes of it."""
        actor = Actor(flow.organization_id, "system")
        async with unit_of_work(Tx(self._database, actor)) as tx:
            if not await links.spend(tx, flow.id, flow.until):
                raise Invalid.at("/flow", "used_flow", "That has come back before; begin again.")
        found = await self._provider(flow.organization_id, flow.provider_id)
        if found.issuer != flow.issuer:
            raise _invalid_flow()
        provider = self._with_secret(flow.organization_id, found)
        metadata = await self._openid.metadata(found.issuer)
        names_itself = metadata.get("authorization_response_iss_parameter_supported")
        if names_itself is True and given.iss is None:
            raise Invalid.at("/iss", "wrong_issuer", "The provider says who it is; send that on.")
        exchange = Exchange(given.code, self._derived("verifier", flow), flow.redirect_uri)
        claims = await self._openid.identify(provider, exchange, self._derived("nonce", flow))
        return _recognised(found, claims)

    async def _member(self, flow: Flow, seen: Recognised, origin: Origin) -> tuple[UUID, Member]:
        actor = Actor(flow.organization_id, "system", scopes=frozenset({"*"}))
        async with unit_of_work(Tx(self._database, actor, request_id=origin.request_id)) as tx:
            found = await links.find(tx, seen.identity)
            if found is None:
                found = await self._joined(tx, flow, seen)
        account = await store.get(self._database, found["account_id"])
        if account is None:
            raise _unknown()
        member = Member(flow.organization_id, found["user_id"], account.id, account.epoch)
        return found["id"], member

    async def _joined(self, tx: Tx, flow: Flow, seen: Recognised) -> dict[str, Any]:
        """A new member, with an account of their own.

        An account that is there already is opened by nobody who only says what its address is,
        unless it opens nothing any more: then it begins anew.
        """
        identity = seen.identity
        if identity.email is None:
            message = "The provider does not say that it has verified the address."
            raise Forbidden(message, code="unverified_email")
        user = await self._user(tx, flow, seen, identity.email)
        own = new_id()
        is_new = await store.inserted(tx, own, identity.email)
        account_id = own if is_new else await self._begun_anew(tx, identity.email)
        if account_id is None:
            raise Conflict(
                "The address has an account. Log in by it, then link this login to it.",
                code="link_needed",
            )
        await Logins.users(tx).join(user, account_id)
        return {
            "id": _link(tx, user.id, identity),
            "user_id": user.id,
            "account_id": account_id,
        }

    async def _begun_anew(self, tx: Tx, email: str) -> UUID | None:
        """An account that nobody belongs to any organization by, without what it was opened by."""
        found = await store.find_by_email(self._database, email)
        if found is None or await store.locked(tx, found.id) is None:
            return None
        if await store.is_elsewhere(self._database, found.id, tx.organization_id):
            return None
        if await repository.is_member(tx, found.id):
            return None
        await store.change(tx, found.id, {**_NOTHING, "epoch": found.epoch + 1})
        return found.id

    async def _user(self, tx: Tx, flow: Flow, seen: Recognised, email: str) -> Any:
        users, linked = Logins.users(tx), await links.holder(tx, seen.identity)
        token = flow.invitation and parse(flow.invitation, INVITATION, 2)
        if token:
            try:
                user = await users.invited(token.ids[1], token.secret)
            except Invalid as error:
                raise Invalid.at("/flow", error.faults[0].code, error.detail) from None
            if user.email != email:
                message = "The invitation is for another address."
                raise Forbidden(message, code="other_address")
            if linked is not None:
                await links.remove_identity(tx, seen.identity)
            return user
        if linked is not None or not seen.admits:
            raise _unknown()
        roles = await repository.living_role(tx, seen.provider.default_role_id)
        return await users.admitted(email, seen.name, roles)

    async def _provider(self, organization_id: UUID, id: UUID) -> IdentityProvider:
        actor = Actor(organization_id, "system")
        async with unit_of_work(Tx(self._database, actor, read_only=True)) as tx:
            found = await IdentityProviderService(tx).usable(id)
        if found is None:
            raise _unknown_provider()
        return found

    def _with_secret(self, organization_id: UUID, found: IdentityProvider) -> Provider:
        tx = Tx(self._database, Actor(organization_id, "system"), read_only=True)
        return IdentityProviderService(tx).opened(found)

    def _derived(self, purpose: str, flow: Flow) -> str:
        return derived_secret(self._database.signing_key, f"outside {purpose}", str(flow.id))


def _link(tx: Tx, user_id: UUID, identity: Identity) -> UUID:
    tx.record(
        "user.login_linked",
        entity="user",
        record_id=user_id,
        version=1,
        data={"provider_id": str(identity.provider_id)},
    )
    return links.add(tx, user_id, identity)


def _recognised(found: IdentityProvider, claims: Mapping[str, Any]) -> Recognised:
    email = _verified_address(claims)
    domain = None if email is None else email.rpartition("@")[2]
    if found.email_domains and domain not in found.email_domains:
        message = "The login is not by a verified address of a domain that is let in."
        raise Forbidden(message, code="domain_not_allowed")
    name = claims.get("name")
    shown = name if isinstance(name, str) else ""
    identity = Identity(found.id, found.issuer, claims["sub"], email)
    return Recognised(identity, shown, found)


def _verified_address(claims: Mapping[str, Any]) -> str | None:
    given = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(given, str):
        return None
    try:
        return addresses.normalise(given).key
    except BadValue:
        return None


def _invalid_flow() -> Invalid:
    return Invalid.at("/flow", "invalid_flow", "That is no login that was begun here.")


def _unknown_provider() -> Invalid:
    return Invalid.at("/provider_id", "unknown_provider", "Nobody logs in by this provider.")


def _unknown() -> Forbidden:
    message = "This login opens no account here. Be invited, or log in otherwise and link it."
    return Forbidden(message, code="unknown_login")
