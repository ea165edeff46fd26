"""What people do before they are known: log in, accept an invitation, set a forgotten password."""

import asyncio
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol
from uuid import UUID

import structlog

from crm_api.kit import clock
from crm_api.kit.actor import Actor
from crm_api.kit.attempts import FREE_BY_ACCOUNT, Attempts
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Conflict, Forbidden, Invalid, Unauthenticated
from crm_api.kit.ids import new_id
from crm_api.kit.letters import post
from crm_api.kit.tokens import Opaque, keyed_hash, new_secret, parse, same
from crm_api.platform.accounts import second_factor, store
from crm_api.platform.accounts.passwords import PASSWORDS
from crm_api.platform.accounts.schemas import RESET_FOR
from crm_api.platform.accounts.sessions import Member, Opening, Origin, Sessions
from crm_api.platform.accounts.store import Account

log = structlog.get_logger("crm_api.accounts")

INVITATION, RESET = "invite", "reset"
LATER_S = 0.2
"""How soon it is told at the earliest that a login has failed."""


@dataclass(frozen=True)
class Claim:
    """What somebody says to be recognised by."""

    email: str
    password: str
    code: str | None = None
    """Of an authenticator, or a recovery code."""


class Users(Protocol):
    """The use cases of members that accounts need (`platform/identity`)."""

    def __init__(self, tx: Tx) -> None: ...

    async def invited(self, id: UUID, secret: str) -> Any:
        """The user whom an invitation is for; raises `Invalid`."""
        ...

    async def admitted(self, email: str, name: str, role_ids: Sequence[UUID]) -> Any:
        """The user of an address, made with roles where there is none, who may join uninvited."""
        ...

    async def join(self, user: Any, account_id: UUID) -> Any:
        """Make an invited user an active one."""
        ...


class Logins:
    """Says the same, in the same time, whether an address has an account or not."""

    users: ClassVar[type[Users]]

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self._attempts = Attempts(database)
        self._telling: set[asyncio.Task[None]] = set()

    async def login(
        self, claim: Claim, organization_id: UUID | None, origin: Origin
    ) -> dict[str, Any]:
        """Tokens of a new session."""
        account, methods = await self._recognised(claim, origin)
        member = await self._member(account, organization_id)
        return await self._sessions.open(Opening(member, methods, origin))

    async def accept(
        self, text: str, password: str, code: str | None, origin: Origin
    ) -> dict[str, Any]:
        """Join an organization by an invitation, with a new account or the one that there is."""
        token = parse(text, INVITATION, 2)
        if token is None:
            raise Invalid.at("/token", "invalid_token", "That is not an invitation.")
        organization_id, user_id = token.ids
        actor = Actor(organization_id, "user", user_id)
        async with unit_of_work(Tx(self._database, actor, dry_run=True)) as tx:
            email = (await self.users(tx).invited(user_id, token.secret)).email
        account_id = await self._account_of(Claim(email, password, code), origin)
        async with unit_of_work(Tx(self._database, actor, request_id=origin.request_id)) as tx:
            users = self.users(tx)
            await users.join(await users.invited(user_id, token.secret), account_id)
        return {"organization_id": organization_id, "user_id": user_id, "email": email}

    async def forgot(self, email: str, origin: Origin, invitation: str | None = None) -> None:
        """Have a token sent to an address that sets a password; says and takes the same for all.

        Whoever belongs to no organization any more is written to by the one that invites them.
        """
        await self._attempts.count(self._attempts.address(origin.address))
        await self._attempts.count(self._attempts.letters(email))
        # Not waited for: the answer must not take longer where there is an account.
        self._apart(self._write_to(email, invitation))

    async def reset(self, text: str, password: str, request_id: str | None = None) -> None:
        """Set a password by a token that was handed out for it; all sessions end."""
        token = parse(text, RESET, 1)
        account = token and await store.get(self._database, token.ids[0])
        if token is None or account is None or not self._resets(account, token.secret):
            raise Invalid.at("/token", "invalid_token", "The token sets no password any more.")
        await PASSWORDS.check(password, account.email, pointer="/new_password")
        values = {
            "password_hash": await PASSWORDS.hash(password),
            "password_changed_at": clock.now(),
            "epoch": account.epoch + 1,
            **store.NO_RESET,
            **store.NO_CHANGE,
        }
        if not await store.change_if(
            self._database, account.id, values, reset_hash=account.reset_hash
        ):
            raise Invalid.at("/token", "invalid_token", "The token sets no password any more.")
        await self.tell(account, {"password_reset": {}}, request_id)

    async def _recognised(self, claim: Claim, origin: Origin) -> tuple[Account, list[str]]:
        """The account, and how its person was recognised; raises `Unauthenticated`."""
        by_account = self._attempts.account(claim.email)
        by_address = self._attempts.address(origin.address)
        await self._attempts.count(by_address)
        failures = await self._attempts.count(by_account)
        account = await store.find_by_email(self._database, claim.email)
        stored = None if account is None else account.password_hash
        fits = await PASSWORDS.fits(stored, claim.password)
        try:
            if account is None or stored is None or not fits:
                message = "The address or the password is wrong."
                raise Unauthenticated(message, code="wrong_credentials")
            methods = await self._second_factor(account, claim.code)
        except Unauthenticated as error:
            if error.own_code == "second_factor_needed":
                # The half of a login that goes on; others behind the address must not wait for it.
                await self._attempts.take_back(by_address)
            self._failed(account, by_account.name, failures, error.own_code, origin)
            raise
        await self._attempts.succeeded(by_account, by_address)
        if PASSWORDS.is_outdated(stored):
            anew = {"password_hash": await PASSWORDS.hash(claim.password)}
            await store.change_if(self._database, account.id, anew, password_hash=stored)
        return account, methods

    async def _second_factor(self, account: Account, code: str | None) -> list[str]:
        if not account.has_second_factor:
            return ["pwd"]
        if code is None:
            message = "Send the code of the authenticator as well."
            raise Unauthenticated(message, code="second_factor_needed")
        method = await second_factor.use(self._database, account, code, clock.now())
        if method is None:
            raise Unauthenticated("The code is wrong, or was used before.", code="wrong_code")
        return ["pwd", method, "mfa"]

    def _failed(
        self, account: Account | None, name: str, failures: int, code: str, origin: Origin
    ) -> None:
        log.info("login failed", account=name[-12:], failures=failures, code=code)
        told: dict[str, Any] = {}
        if code != "second_factor_needed":  # that is the half of a login, which goes on
            told["login_failed"] = {"code": code, "address": origin.address}
        if failures == FREE_BY_ACCOUNT:
            told["login_blocked"] = {"failures": failures}
        if account is not None and told:
            # Not waited for: the answer must not take longer where there is an account.
            self._apart(self._tell_later(account, told, origin.request_id))

    async def told(self) -> None:
        """Wait until what happened so far is told to those whom it concerns."""
        while self._telling:
            await asyncio.wait(self._telling)

    def _apart(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _write_to(self, email: str, invitation: str | None) -> None:
        found = await store.find_by_email(self._database, email)
        if found is None:
            return
        known = await store.memberships(self._database, found.id)
        place = (known[0]["organization_id"], known[0]["user_id"]) if known else None
        if place is None and invitation is not None:
            place = await self._inviting(email, invitation)
        if place is None:
            return
        async with unit_of_work(Tx(self._database, Actor(place[0], "system"))) as tx:
            account = await store.locked(tx, found.id)
            if account is not None:
                await begin_reset(tx, account, place[1])

    async def _inviting(self, email: str, invitation: str) -> tuple[UUID, UUID] | None:
        """The organization that invites an address, and whom; None without such an invitation."""
        token = parse(invitation, INVITATION, 2)
        if token is None:
            return None
        organization_id, user_id = token.ids
        actor = Actor(organization_id, "user", user_id)
        try:
            async with unit_of_work(Tx(self._database, actor, dry_run=True)) as tx:
                invited = await self.users(tx).invited(user_id, token.secret)
        except Invalid:
            return None
        return (organization_id, user_id) if invited.email == email else None

    async def _tell_later(
        self, account: Account, told: Mapping[str, Any], request_id: str | None
    ) -> None:
        # Nor must the next answer, which somebody might time in its stead.
        await asyncio.sleep(LATER_S * (1 + secrets.randbelow(100) / 100))
        await self.tell(account, told, request_id)

    async def tell(self, account: Account, told: Mapping[str, Any], request_id: str | None) -> None:
        """Have every organization of a person know what was done to the account."""
        for known in await store.memberships(self._database, account.id):
            actor, user_id = Actor(known["organization_id"], "system"), known["user_id"]
            async with unit_of_work(Tx(self._database, actor, request_id=request_id)) as tx:
                for verb, data in told.items():
                    tx.record(
                        f"user.{verb}", entity="user", record_id=user_id, version=1, data=data
                    )

    async def _member(self, account: Account, organization_id: UUID | None) -> Member:
        known = await store.memberships(self._database, account.id)
        fitting = [m for m in known if organization_id in {None, m["organization_id"]}]
        if not fitting:
            raise Forbidden("The account belongs to no such organization.", code="no_membership")
        if len(fitting) > 1:
            choices = [{"id": str(m["organization_id"]), "name": m["name"]} for m in fitting]
            raise Conflict(
                "Say which organization: `organization_id`.",
                code="organization_needed",
                details={"organizations": choices},
            )
        return Member(
            fitting[0]["organization_id"], fitting[0]["user_id"], account.id, account.epoch
        )

    async def _account_of(self, claim: Claim, origin: Origin) -> UUID:
        if await store.find_by_email(self._database, claim.email) is None:
            await PASSWORDS.check(claim.password, claim.email, pointer="/password")
            id, hashed = new_id(), await PASSWORDS.hash(claim.password)
            if await store.insert(self._database, id, claim.email, hashed, clock.now()):
                return id
        return (await self._recognised(claim, origin))[0].id

    def _resets(self, account: Account, secret: str) -> bool:
        until = account.reset_until
        hashed = keyed_hash(self._database.signing_key, RESET, secret)
        good = account.reset_hash is not None and same(account.reset_hash, hashed)
        return good and until is not None and until > clock.now()


async def begin_reset(tx: Tx, account: Account, user_id: UUID) -> tuple[Opaque, datetime]:
    """A token that sets a password, and until when; a letter brings it to the account's address."""
    tx.confidential = True
    token = Opaque(RESET, (account.id,), new_secret())
    hashed = keyed_hash(tx.database.signing_key, RESET, token.secret)
    until = tx.now + RESET_FOR
    await store.change(tx, account.id, {"reset_hash": hashed, "reset_until": until})
    said = {"token": str(token), "until": f"{until:%Y-%m-%d %H:%M}"}
    post(tx, "password-reset", account.email, user_id, said)
    tx.record("user.password_reset_begun", entity="user", record_id=user_id, version=1, data={})
    return token, until
