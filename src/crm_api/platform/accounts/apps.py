"""Apps, and what users allow them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from crm_api.kit.actor import CREDENTIALS, exceeds_maker
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Fault, Forbidden, Invalid, NotFound, WrongState
from crm_api.kit.ids import new_id
from crm_api.kit.schema import Create
from crm_api.kit.tokens import Opaque, keyed_hash, new_secret
from crm_api.platform.accounts.models import App, AuthorizationCode
from crm_api.platform.accounts.repository import Apps, end_sessions_of_app, own_provider
from crm_api.platform.accounts.schemas import (
    CODE_FOR,
    AppConsentInput,
    AppCreate,
    AppUpdate,
)
from crm_api.platform.accounts.service import MeService
from crm_api.platform.accounts.signing import wanted_scopes

SECRET, CODE = "secret", "code"


class AppService(CrudService[App]):
    """Programs of others that work for the organization, or in the name of its users."""

    repository = Apps
    area = "apps"
    plural = "apps"
    personal = Impersonal("Programs that work for the organization.")
    create_shape = AppCreate
    update_shape = AppUpdate
    # Only creation shows a secret, so the caller must know which of the two it was.
    upserts = False
    stale = frozenset({CREDENTIALS})

    async def create(self, data: Create) -> Any:
        """A new app; the answer holds its secret this once."""
        assert isinstance(data, AppCreate)
        self.need("create")
        self.tx.confidential = True
        secret = new_secret() if data.is_confidential else None
        values = await self.prepare(await self.given(data), None)
        made = self.add({**values, "secret_hash": secret and self._hash(secret)})
        shown = {name: getattr(made, name) for name in self.records.listing.shown}
        custom = self.fields.shown(shown["custom"], self.tx.actor)
        return {**shown, "custom": custom, "client_secret": secret}

    async def prepare(self, values: dict[str, Any], current: App | None) -> dict[str, Any]:
        """Nobody gives an app more than they hold."""
        values = await super().prepare(values, current)
        if current is None or "scopes" in values:
            kept = values if current is None else {"is_confidential": current.is_confidential}
            self._need_all(values["scopes"], for_itself=kept["is_confidential"])
        return values

    def _need_all(self, scopes: list[str], *, for_itself: bool) -> None:
        """Raise `Forbidden` where an app could do more than who makes it."""
        actor = self.tx.actor
        actor.require_all(scopes)
        if for_itself and not (actor.access is None or actor.access.full):
            # No role of anybody holds it back.
            message = "Your roles would not hold for an app that works for itself."
            raise exceeds_maker([Fault("exceeds_maker", message, "/is_confidential")])

    async def change(
        self,
        current: App,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs; with other scopes users have to be asked anew."""
        if current.scopes != values.get("scopes", current.scopes):
            await end_sessions_of_app(self.tx, current.id)
        return await super().change(current, values, verb=verb, told=told)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take an app out of the bin; only for those who could have made it."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        self._need_all(current.scopes, for_itself=current.is_confidential)
        return await super().restore(id, expected_version=expected_version)

    async def rotate_secret(self, id: UUID) -> dict[str, Any]:
        """Another secret; the former one opens nothing any more."""
        self.need("update")
        current = await self.locked(id)
        self._need_all(current.scopes, for_itself=current.is_confidential)
        if not current.is_confidential:
            raise WrongState("A public app has no secret.")
        self.tx.confidential = True
        secret = new_secret()
        await self.change(current, {"secret_hash": self._hash(secret)}, verb="secret_rotated")
        return {"client_secret": secret}

    def _hash(self, secret: str) -> str:
        return keyed_hash(self.tx.database.signing_key, SECRET, secret)


class ConsentService(MeService):
    """What a user allows an app."""

    async def allow(self, asked: AppConsentInput, issuer: str) -> dict[str, Any]:
        """A code for the app, as the place where the browser goes next."""
        account = await self.account()
        app = await self._app(asked)
        scopes = self._scopes(asked.scope, app.scopes)
        self.tx.confidential = True
        id, secret = new_id(), new_secret()
        code = Opaque(CODE, (self.tx.organization_id, id), secret)
        self.tx.insert(
            AuthorizationCode,
            {
                "id": id,
                "app_id": app.id,
                "user_id": self.tx.actor.id,
                "account_id": account.id,
                "account_epoch": account.epoch,
                "methods": await self.methods(),
                "provider_id": await own_provider(self.tx),
                "scopes": scopes,
                "redirect_uri": asked.redirect_uri,
                "challenge": asked.code_challenge,
                "secret_hash": keyed_hash(self.tx.database.signing_key, CODE, secret),
                "expires_at": self.tx.now + CODE_FOR,
            },
        )
        self.tx.record(
            "app.allowed",
            entity="app",
            record_id=app.id,
            version=app.version,
            data={"scopes": scopes},
        )
        given = {"code": str(code), "state": asked.state, "iss": issuer}
        return {
            "redirect_to": with_query(asked.redirect_uri, given),
            "app_id": app.id,
            "app_name": app.name,
            "scopes": scopes,
        }

    async def _app(self, asked: AppConsentInput) -> App:
        app = await AppService(self.tx).records.find(asked.client_id)
        if app is None:
            raise NotFound(f"There is no app with the id {asked.client_id}.")
        if asked.redirect_uri not in app.redirect_uris:
            message = "The app has not registered this redirect URI."
            raise Invalid.at("/redirect_uri", "unknown_redirect_uri", message)
        return app

    def _scopes(self, asked: str | None, most: list[str]) -> list[str]:
        scopes = wanted_scopes(asked, most)
        if scopes is None:
            message = "The app may not ask for this scope."
            raise Invalid.at("/scope", "invalid_scope", message)
        lacking = [scope for scope in scopes if not self.tx.actor.scoped(scope)]
        if lacking:
            message = f"You do not hold {lacking[0]}, so the app cannot have it from you."
            raise Forbidden(message, code="exceeds_maker")
        return scopes


def with_query(uri: str, given: Mapping[str, str | None]) -> str:
    """A URI with further parameters."""
    parts = urlsplit(uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True)]
    query += [(name, value) for name, value in given.items() if value is not None]
    return parts._replace(query=urlencode(query)).geturl()
