"""What people do with their own account, and what an organization may do with its members'."""

from typing import Any
from uuid import UUID

from crm_api.kit.attempts import Attempts, Subject
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from crm_api.platform.accounts import links, repository, second_factor, sessions, store
from crm_api.platform.accounts.login import begin_reset
from crm_api.platform.accounts.passwords import PASSWORDS
from crm_api.platform.accounts.sessions import OUTSIDE, Member, Opening, Origin
from crm_api.platform.accounts.store import Account


class MeService:
    """Whoever asks."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def me(self) -> dict[str, Any]:
        """The actor, and the person's account where it is a person."""
        actor = self.tx.actor
        found: dict[str, Any] = {
            "kind": actor.kind,
            "id": actor.id,
            "organization_id": actor.organization_id,
            "session_id": actor.session_id,
            "scopes": sorted(actor.scopes),
            "team_ids": sorted(actor.teams),
            "account": None,
            "organizations": [],
        }
        if actor.session_id is not None:
            account = await self._account()
            found["account"] = {
                "id": account.id,
                "email": account.email,
                "password_changed_at": account.password_changed_at,
                "second_factor": account.has_second_factor,
                "new_email": account.coming_email(self.tx.now),
            }
            known = await store.memberships(self.tx.database, account.id)
            here_alone = OUTSIDE in await self.methods()
            found["organizations"] = [
                {"id": m["organization_id"], "name": m["name"], "user_id": m["user_id"]}
                for m in known
                if not here_alone or m["organization_id"] == actor.organization_id
            ]
        return found

    async def sessions(self) -> list[dict[str, Any]]:
        """The person's open sessions in this organization, newest first."""
        user_id = self._user_id()
        current = self.tx.actor.session_id
        rows = await repository.open_sessions(self.tx, user_id)
        return [{**row, "is_current": row["id"] == current} for row in rows]

    async def end_session(self, id: UUID) -> None:
        """Log out of one of the person's own sessions; raises `NotFound`."""
        user_id = self._user_id()
        if id != self.tx.actor.session_id:
            await self._first_party()
        if await repository.owner_of_session(self.tx, id) != user_id:
            raise NotFound(f"There is no session with the id {id}.")
        await sessions.end(self.tx, id, "logout")

    async def end_other_sessions(self) -> int:
        """Log out of every session but this one; how many there were."""
        await self._first_party()
        rows = await repository.open_sessions(self.tx, self._user_id())
        others = [row["id"] for row in rows if row["id"] != self.tx.actor.session_id]
        for id in others:
            await sessions.end(self.tx, id, "logout")
        return len(others)

    async def log_out(self) -> None:
        """End the session that the request belongs to."""
        self._user_id()
        assert self.tx.actor.session_id is not None
        await sessions.end(self.tx, self.tx.actor.session_id, "logout")

    async def outside_logins(self) -> list[dict[str, Any]]:
        """What opens the person's account here beside the password, oldest first."""
        return await links.of_user(self.tx, self._user_id())

    async def remove_outside_login(self, id: UUID) -> None:
        """Have an outside login open nothing any more; raises `NotFound`."""
        await self._first_party()
        if not await links.remove(self.tx, self._user_id(), id):
            raise NotFound(f"There is no outside login with the id {id}.")
        self._told("login_unlinked")

    async def change_password(self, current: str, new: str) -> None:
        """Set a new password; every session but this one ends, in all organizations."""
        await self._first_party()
        account = await self._account()
        await self.confirm(account, current, pointer="/current_password")
        await PASSWORDS.check(new, account.email, pointer="/new_password")
        hashed = await PASSWORDS.hash(new)
        fresh = await self.locked(account)
        values = {"password_hash": hashed, "password_changed_at": self.tx.now}
        spent = {**store.NO_RESET, **store.NO_CHANGE}
        await store.change(self.tx, account.id, {**values, **spent, "epoch": fresh.epoch + 1})
        await repository.keep_session(self.tx, self.tx.actor.session_id, fresh.epoch + 1)
        self._told("password_changed")

    async def opening(self, organization_id: UUID, origin: Origin) -> Opening:
        """The session that the same person begins in another organization; raises `Forbidden`."""
        await self._first_party()
        account, methods = await self._account(), await self.methods()
        if OUTSIDE in methods:
            # Its provider speaks for the members of one organization, not for their other ones.
            message = "A login by a provider of this organization opens no other one."
            raise Forbidden(message, code="outside_login")
        for known in await store.memberships(self.tx.database, account.id):
            if known["organization_id"] == organization_id:
                member = Member(organization_id, known["user_id"], account.id, account.epoch)
                return Opening(member, methods, origin)
        raise Forbidden("The account belongs to no such organization.", code="no_membership")

    async def begin_totp(self, password: str) -> dict[str, str]:
        """A seed for an authenticator; it counts once a code of it is confirmed."""
        account = await self._confirmed(password)
        if account.has_second_factor:
            raise WrongState("There is a second factor already.")
        self.tx.confidential = True
        secret = second_factor.new_totp_secret()
        if (await self.locked(account)).has_second_factor:
            raise WrongState("There is a second factor already.")
        sealed = second_factor.sealed(self.tx.database, account.id, secret)
        await store.change(self.tx, account.id, {"totp_secret": sealed, "totp_step": None})
        return {"secret": secret, "uri": second_factor.uri_of(secret, account.email)}

    async def confirm_totp(self, code: str) -> list[str]:
        """From now on logging in takes a code; returns the recovery codes, this once."""
        account = await self.account()
        attempts, subject = self._attempts(account)
        await attempts.count(subject)
        fresh = await store.locked(self.tx, account.id)
        assert fresh is not None
        if fresh.has_second_factor or fresh.totp_secret is None:
            raise WrongState("No second factor was begun.")
        step = second_factor.step_of(self.tx.database, fresh, code.replace(" ", ""), self.tx.now)
        if step is None:
            raise Invalid.at("/code", "wrong_code", "That is not a code of now.")
        await attempts.forget(subject)
        values = {"totp_confirmed_at": self.tx.now, "totp_step": step}
        codes = await self._new_codes(account, values)
        self._told("second_factor_added")
        return codes

    async def new_recovery_codes(self, password: str, code: str | None) -> list[str]:
        """Other recovery codes; the former ones open nothing any more."""
        account = await self.account()
        await self.recognise(account, password, code)
        if not (await self.locked(account)).has_second_factor:
            raise WrongState("There is no second factor.")
        codes = await self._new_codes(account, {})
        self._told("recovery_codes_renewed")
        return codes

    async def end_totp(self, password: str, code: str | None) -> None:
        """Log in by password alone again; by the code of an authenticator or of a recovery."""
        account = await self.account()
        await self.recognise(account, password, code)
        fresh = await self.locked(account)
        if fresh.totp_secret is None:
            raise WrongState("There is no second factor.")
        if fresh.has_second_factor and not account.has_second_factor:
            raise WrongState("A second factor was set up at the same time.")
        await store.change(self.tx, account.id, second_factor.NONE)
        self._told("second_factor_removed")

    async def _new_codes(self, account: Account, values: dict[str, Any]) -> list[str]:
        self.tx.confidential = True
        codes, hashes = second_factor.new_recovery_codes(self.tx.database, account.id)
        shown = encode(hashes).decode()
        await store.change(self.tx, account.id, {**values, "recovery_hashes": shown})
        return codes

    async def _confirmed(self, password: str) -> Account:
        account = await self.account()
        await self.confirm(account, password, pointer="/password")
        return account

    def _attempts(self, account: Account) -> tuple[Attempts, Subject]:
        attempts = Attempts(self.tx.database)
        return attempts, attempts.account(account.email)

    def _told(self, verb: str) -> None:
        _record(self.tx, self._user_id(), verb)

    async def confirm(self, account: Account, password: str, *, pointer: str) -> None:
        """Make sure that it is the person who asks; raises `Invalid` or `TooMany`."""
        attempts, subject = self._attempts(account)
        await attempts.count(subject)
        await self._fits(account, password, pointer)
        await attempts.forget(subject)

    async def recognise(self, account: Account, password: str, code: str | None) -> None:
        """The same by all that logging in takes: where there is a second factor, a code too."""
        attempts, subject = self._attempts(account)
        await attempts.count(subject)
        await self._fits(account, password, "/password")
        if account.has_second_factor:
            if code is None:
                message = "Send the code of the authenticator as well."
                raise Invalid.at("/code", "second_factor_needed", message)
            if await second_factor.use(self.tx.database, account, code, self.tx.now) is None:
                message = "The code is wrong, or was used before."
                raise Invalid.at("/code", "wrong_code", message)
        await attempts.forget(subject)

    async def _fits(self, account: Account, password: str, pointer: str) -> None:
        if not await PASSWORDS.fits(account.password_hash, password):
            raise Invalid.at(pointer, "wrong_password", "That is not the password.")

    async def account(self) -> Account:
        """The person's account, for what an app may not do in the person's name."""
        await self._first_party()
        return await self._account()

    async def methods(self) -> list[str]:
        """How the person was recognised."""
        return decode((await self._state())["methods"])

    def _user_id(self) -> UUID:
        actor = self.tx.actor
        if actor.session_id is None or actor.id is None:
            raise Forbidden("That is for people who have logged in.", code="no_person")
        return actor.id

    async def _first_party(self) -> None:
        self._user_id()
        if (await self._state())["client_id"] is not None:
            raise Forbidden("Apps may not do this in a person's name.", code="not_for_apps")

    async def _state(self) -> Any:
        rows = await self.tx.fetch(
            sessions.STATE, self.tx.organization_id, self.tx.actor.session_id
        )
        return rows[0]

    async def _account(self) -> Account:
        self._user_id()
        found = await store.get(self.tx.database, (await self._state())["account_id"])
        assert found is not None
        return found

    async def locked(self, account: Account) -> Account:
        """The account to be changed by whom its password has just recognised."""
        fresh = await store.locked(self.tx, account.id)
        if fresh is None or fresh.password_hash != account.password_hash:
            raise WrongState("The password was changed at the same time.")
        return fresh


class MemberAccountService:
    """What an organization may do with the accounts of its members."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def begin_reset(self, user_id: UUID) -> dict[str, Any]:
        """A token that sets a new password for a member.

        Only where the account belongs to this organization alone: nobody gets into another one by
        way of a common member.
        """
        account_id = await self._own(user_id)
        account = await store.locked(self.tx, account_id)
        assert account is not None
        token, until = await begin_reset(self.tx, account, user_id)
        return {"token": str(token), "expires_at": until}

    async def reset_second_factor(self, user_id: UUID) -> None:
        """Let a member who has lost the authenticator log in by password alone.

        Only where the account belongs to this organization alone.
        """
        account_id = await self._own(user_id)
        await store.locked(self.tx, account_id)
        await store.change(self.tx, account_id, second_factor.NONE)
        _record(self.tx, user_id, "second_factor_removed")

    async def _own(self, user_id: UUID) -> UUID:
        self.tx.actor.require("users:write")
        if not self.tx.actor.covers("*"):
            message = "Only who may do everything resets what members log in with."
            raise Forbidden(message, code="exceeds_maker")
        account_id = await repository.account_of(self.tx, user_id)
        if await store.is_elsewhere(self.tx.database, account_id, self.tx.organization_id):
            raise Conflict("The person belongs to other organizations too.", code="shared_account")
        return account_id


async def spend_reset(tx: Tx, account_id: UUID) -> None:
    """Have what was sent to an account to set its password set nothing."""
    if await store.locked(tx, account_id) is not None:
        await store.change(tx, account_id, store.NO_RESET)


def _record(tx: Tx, user_id: UUID, verb: str) -> None:
    tx.record(f"user.{verb}", entity="user", record_id=user_id, version=1, data={})
