"""Sessions and one's own account over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.accounts.address import AddressService
from crm_api.platform.accounts.apps import AppService
from crm_api.platform.accounts.outside_schemas import IdentityProviderOut, OutsideLoginOut
from crm_api.platform.accounts.providers import IdentityProviderService
from crm_api.platform.accounts.schemas import (
    AppMade,
    AppOut,
    CodeInput,
    EmailChange,
    FactorInput,
    MeOut,
    PasswordChange,
    PasswordInput,
    ResetOut,
    SessionOut,
    TotpOut,
)
from crm_api.platform.accounts.service import MemberAccountService, MeService


@type_from(MeOut)
class Me:
    """Who asks."""


@type_from(SessionOut)
class Session:
    """A login that lasts."""


@type_from(TotpOut)
class Totp:
    """What an authenticator is set up with."""


@type_from(ResetOut)
class PasswordResetToken:
    """A token that sets a new password."""


@type_from(AppOut)
class App:
    """An app; its `id` is its `client_id`."""


@type_from(AppMade)
class NewApp:
    """A new app with its secret."""


@type_from(IdentityProviderOut)
class IdentityProvider:
    """An outside provider by which members log in."""


@type_from(OutsideLoginOut)
class OutsideLogin:
    """A login of an outside provider that opens one's account here."""


IDENTITY_PROVIDERS = Collection(IdentityProviderService, IdentityProvider)
APPS = Collection(AppService, App, made=NewApp)


@strawberry.type
class AccountQuery:
    """Whoever asks."""

    @strawberry.field
    async def me(self, info: GraphInfo) -> Me:
        """The actor of the credential, and the account where it is a person."""
        return cast("Any", await MeService(info.context.tx).me())

    @strawberry.field
    async def sessions(self, info: GraphInfo) -> list[Session]:
        """One's own open sessions in this organization, newest first."""
        return cast("Any", await MeService(info.context.tx).sessions())

    @strawberry.field
    async def outside_logins(self, info: GraphInfo) -> list[OutsideLogin]:
        """The outside logins that open one's account in this organization, oldest first."""
        return cast("Any", await MeService(info.context.tx).outside_logins())


@strawberry.type
class AccountMutation:
    """What people do with their own account."""

    @mutation
    async def change_password(
        self,
        info: GraphInfo,
        input: input_from(PasswordChange),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> bool:
        """Change one's password; every session but this one ends."""
        data = shape_given(PasswordChange, input)
        service = MeService(info.context.tx)
        await service.change_password(data.current_password, data.new_password)
        return True

    @mutation
    async def begin_email_change(
        self,
        info: GraphInfo,
        input: input_from(EmailChange),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> bool:
        """Ask for another address to log in with; a letter to it holds the token that confirms it."""
        await AddressService(info.context.tx).begin(shape_given(EmailChange, input))
        return True

    @mutation
    async def log_out(self, info: GraphInfo) -> bool:
        """End the session of the request."""
        await MeService(info.context.tx).log_out()
        return True

    @mutation
    async def end_session(self, info: GraphInfo, id: UUID) -> bool:
        """Log out of one of one's own sessions."""
        await MeService(info.context.tx).end_session(id)
        return True

    @mutation
    async def end_other_sessions(self, info: GraphInfo) -> int:
        """Log out everywhere else; how many sessions there were."""
        return await MeService(info.context.tx).end_other_sessions()

    @mutation
    async def remove_outside_login(self, info: GraphInfo, id: UUID) -> bool:
        """Have an outside login open nothing any more; its sessions go on."""
        await MeService(info.context.tx).remove_outside_login(id)
        return True

    @mutation
    async def rotate_app_secret(self, info: GraphInfo, id: UUID) -> str:
        """Give an app another secret, which is shown this once."""
        return (await AppService(info.context.tx).rotate_secret(id))["client_secret"]

    @mutation
    async def begin_totp(self, info: GraphInfo, password: str) -> Totp:
        """Set an authenticator up; it counts once a code of it is confirmed."""
        data = shape_given(PasswordInput, {"password": password})
        return cast("Any", await MeService(info.context.tx).begin_totp(data.password))

    @mutation
    async def confirm_totp(self, info: GraphInfo, code: str) -> list[str]:
        """Log in by codes from now on; returns the recovery codes, this once."""
        data = shape_given(CodeInput, {"code": code})
        return await MeService(info.context.tx).confirm_totp(data.code)

    @mutation
    async def remove_totp(self, info: GraphInfo, password: str, code: str | None = None) -> bool:
        """Log in by password alone again; `code` where there is a second factor."""
        data = shape_given(FactorInput, {"password": password, "code": code})
        await MeService(info.context.tx).end_totp(data.password, data.code)
        return True

    @mutation
    async def renew_recovery_codes(
        self, info: GraphInfo, password: str, code: str | None = None
    ) -> list[str]:
        """Get other recovery codes; the former ones open nothing any more."""
        data = shape_given(FactorInput, {"password": password, "code": code})
        return await MeService(info.context.tx).new_recovery_codes(data.password, data.code)

    @mutation
    async def reset_second_factor(self, info: GraphInfo, user_id: UUID) -> bool:
        """Let a member who has lost the authenticator in by password."""
        await MemberAccountService(info.context.tx).reset_second_factor(user_id)
        return True

    @mutation
    async def begin_password_reset(self, info: GraphInfo, user_id: UUID) -> PasswordResetToken:
        """Have a member set a new password; the answer holds the token this once."""
        return cast("Any", await MemberAccountService(info.context.tx).begin_reset(user_id))
