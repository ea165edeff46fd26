"""The outside providers that an organization trusts with its members."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.kit.actor import CREDENTIALS
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Forbidden, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.secrets import Place
from crm_api.platform.accounts import links
from crm_api.platform.accounts.models import IdentityProvider
from crm_api.platform.accounts.openid import Provider
from crm_api.platform.accounts.outside_schemas import (
    IdentityProviderCreate,
    IdentityProviderUpdate,
)
from crm_api.platform.accounts.repository import (
    IdentityProviders,
    end_sessions_of_provider,
    living_role,
)


class IdentityProviderService(CrudService[IdentityProvider]):
    """Providers of OpenID Connect by which members log in.

    Whoever sets one up decides who is recognised as whom, so it takes all rights.
    """

    repository = IdentityProviders
    personal = Impersonal("The organization's own settings.")
    area = "identity_providers"
    plural = "identity_providers"
    create_shape = IdentityProviderCreate
    update_shape = IdentityProviderUpdate
    stale = frozenset({CREDENTIALS})

    async def prepare(
        self, values: dict[str, Any], current: IdentityProvider | None
    ) -> dict[str, Any]:
        """The secret is sealed to its row; who is admitted has an address of known domains."""
        self._need_to_hold_all()
        values = await super().prepare(values, current)
        if current is None:
            values["id"] = new_id()
        if "client_secret" in values:
            id = values["id"] if current is None else current.id
            values["client_secret"] = self._sealed(values["client_secret"], id, current)
        admits, domains = (
            values.get(name, getattr(current, name, None)) for name in ("admits", "email_domains")
        )
        role_id = values.get("default_role_id")
        if role_id is not None and not await living_role(self.tx, role_id):
            message = "There is no such role."
            raise Invalid.at("/default_role_id", "unknown_reference", message)
        if admits and not domains:
            message = "Say of which e-mail domains people are admitted."
            fault = Fault("domains_needed", message, pointer="/email_domains")
            raise Invalid(message, code="domains_needed", faults=[fault])
        return values

    async def change(
        self,
        current: IdentityProvider,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs; taken away or pointed elsewhere, what it has begun ends."""
        after = {**columns_of(current), **values}
        elsewhere = any(after[name] != getattr(current, name) for name in ("issuer", "client_id"))
        if elsewhere or not after["is_active"] or after["deleted_at"] is not None:
            await end_sessions_of_provider(self.tx, current.id)
        return await super().change(current, values, verb=verb, told=told)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a provider out of the bin."""
        self.tx.actor.require(f"{self.area}:write")
        self._need_to_hold_all()
        return await super().restore(id, expected_version=expected_version)

    async def check_purge(self, current: IdentityProvider) -> None:
        """Nothing stands in the way; the links of members go with it."""
        await links.forget_provider(self.tx, current.id)

    async def usable(self, id: UUID) -> IdentityProvider | None:
        """The provider, if people may log in by it now."""
        found = await self.records.find(id)
        return found if found is not None and found.is_active else None

    def opened(self, found: IdentityProvider) -> Provider:
        """What is needed to talk to the provider."""
        sealed = found.client_secret
        secret = None if sealed is None else _open(self.tx, found.id, sealed)
        return Provider(found.id, found.issuer, found.client_id, secret)

    def _sealed(self, secret: str | None, id: UUID, current: IdentityProvider | None) -> str | None:
        if secret is None:
            return None
        before = None if current is None else current.client_secret
        if before is not None and _open(self.tx, id, before) == secret:
            return before
        return self.tx.database.secrets.seal(secret, _place(self.tx, id))

    def _need_to_hold_all(self) -> None:
        if not self.tx.actor.covers("*"):
            message = "Only who may do everything says who vouches for members."
            raise Forbidden(message, code="exceeds_maker")


def _open(tx: Tx, id: UUID, sealed: str) -> str:
    return tx.database.secrets.open(sealed, _place(tx, id))


def _place(tx: Tx, id: UUID) -> Place:
    return Place(tx.organization_id, "identity_providers", "client_secret", id)
