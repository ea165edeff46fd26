"""Changing the address that a person logs in with (ADR-0049)."""

from datetime import timedelta
from typing import Protocol

from crm_api.kit import clock
from crm_api.kit.actor import Actor
from crm_api.kit.attempts import Attempts
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Conflict, Duplicate, Invalid, WrongState
from crm_api.kit.letters import post
from crm_api.kit.tokens import Opaque, keyed_hash, new_secret, parse, same
from crm_api.platform.accounts import repository, store
from crm_api.platform.accounts.login import Logins
from crm_api.platform.accounts.service import MeService
from crm_api.platform.accounts.store import Account

CHANGE = "email"
CHANGE_FOR = timedelta(hours=1)


class Asked(Protocol):
    """What a person asks a change by."""

    email: str
    password: str
    code: str | None


class AddressService:
    """What is done before a new address is known to be the person's."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def begin(self, asked: Asked) -> None:
        """Have a letter ask whether the address is theirs, and the present one told of it.

        Whether the new address has an account is not looked at, so that nothing can tell.
        """
        me = MeService(self.tx)
        account = await me.account()
        if asked.email == account.email:
            raise Invalid.at("/email", "same_address", "That is the address already.")
        if account.password_hash is None:
            raise WrongState("Set a password first, by way of a forgotten one.")
        await me.recognise(account, asked.password, asked.code)
        attempts = Attempts(self.tx.database)
        for reader in (str(account.id), asked.email):
            await attempts.count(attempts.letters(reader))
        await self._ask(await me.locked(account), asked.email)

    async def _ask(self, account: Account, email: str) -> None:
        tx = self.tx
        assert tx.actor.id is not None
        assert tx.actor.session_id is not None
        ids = (account.id, tx.organization_id, tx.actor.id, tx.actor.session_id)
        token, until = Opaque(CHANGE, ids, new_secret()), tx.now + CHANGE_FOR
        values = {"new_email": email, "new_email_until": until}
        hashed = {"new_email_hash": _hash(tx.database, token)}
        await store.change(tx, account.id, {**values, **hashed})
        said = {"token": str(token), "until": f"{until:%Y-%m-%d %H:%M}"}
        post(tx, "email-change", email, tx.actor.id, said)
        post(tx, "email-change-begun", account.email, tx.actor.id, {"address": email})
        tx.record(
            "user.email_change_begun", entity="user", record_id=tx.actor.id, version=1, data={}
        )


class Addresses:
    """What is done once somebody has the letter."""

    def __init__(self, database: Database, logins: Logins) -> None:
        self._database = database
        self._logins = logins

    async def confirm(self, text: str, request_id: str | None = None) -> None:
        """Log in by the new address from now on; every session ends but the one that asked.

        Raises `Invalid`, and `Conflict` where another account has the address.
        """
        token = parse(text, CHANGE, 4)
        if token is None:
            raise _invalid()
        account_id, organization_id, user_id, session_id = token.ids
        actor = Actor(organization_id, "user", user_id)
        async with unit_of_work(Tx(self._database, actor, request_id=request_id)) as tx:
            account = await store.locked(tx, account_id)
            if account is None or account.new_email is None or not self._changes(account, token):
                raise _invalid()
            epoch = account.epoch + 1
            # A token that was sent to the former address must not set a password any more.
            spent = {**store.NO_CHANGE, **store.NO_RESET}
            new = {"email": account.new_email, "epoch": epoch}
            try:
                await store.change(tx, account_id, {**spent, **new})
            except Duplicate:
                message = "The address opens another account."
                raise Conflict(message, code="email_taken") from None
            await repository.keep_session(tx, session_id, epoch)
            post(tx, "email-changed", account.email, user_id, {"address": account.new_email})
        await self._logins.tell(account, {"email_changed": {}}, request_id)

    def _changes(self, account: Account, token: Opaque) -> bool:
        until = account.new_email_until
        # Of the whole token: nobody exchanges the session that goes on.
        hashed = _hash(self._database, token)
        good = account.new_email_hash is not None and same(account.new_email_hash, hashed)
        return good and until is not None and until > clock.now()


def _hash(database: Database, token: Opaque) -> str:
    return keyed_hash(database.signing_key, CHANGE, str(token))


def _invalid() -> Invalid:
    return Invalid.at("/token", "invalid_token", "The token changes no address any more.")
