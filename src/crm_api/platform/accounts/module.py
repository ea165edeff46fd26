"""Accounts as a part of the product."""

from crm_api.kit.access import Managed
from crm_api.kit.attempts import Attempts
from crm_api.kit.db.database import Database
from crm_api.kit.files.store import Files
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.kit.secrets import SealedColumn
from crm_api.platform.accounts.apps import AppService
from crm_api.platform.accounts.login import Logins, Users
from crm_api.platform.accounts.providers import IdentityProviderService

_EVENTS = [
    "app.allowed",
    "app.secret_rotated",
    "session.started",
    "session.ended",
    "user.email_change_begun",
    "user.email_changed",
    "user.login_blocked",
    "user.login_failed",
    "user.login_linked",
    "user.login_unlinked",
    "user.password_changed",
    "user.password_reset",
    "user.password_reset_begun",
    "user.recovery_codes_renewed",
    "user.second_factor_added",
    "user.second_factor_removed",
]


def accounts_module(users: type[Users]) -> Module:
    """Accounts of these users."""
    Logins.users = users

    def faces() -> Faces:
        from crm_api.platform.accounts.graphql import (
            APPS,
            IDENTITY_PROVIDERS,
            AccountMutation,
            AccountQuery,
        )
        from crm_api.platform.accounts.oauth_rest import apps, consents, metadata, oauth
        from crm_api.platform.accounts.outside_rest import identity_providers
        from crm_api.platform.accounts.rest import login, me, members, well_known

        return Faces(
            routers=[
                login,
                me,
                members,
                well_known,
                apps,
                consents,
                oauth,
                metadata,
                identity_providers,
            ],
            queries=[AccountQuery, APPS.query(), IDENTITY_PROVIDERS.query()],
            mutations=[AccountMutation, APPS.mutation(), IDENTITY_PROVIDERS.mutation()],
        )

    return Module(
        key="accounts",
        title="Accounts",
        description="Logging in: passwords, second factors, outside providers, sessions, tokens, and apps.",
        switchable=False,
        faces=faces,
        tags={
            "login": "Logging in, and the tokens that come of it.",
            "me": "Whoever asks: account and sessions.",
        },
        managed={
            "apps": Managed("manage_apps"),
            "identity_providers": Managed("manage_settings"),
        },
        services=[AppService, IdentityProviderService],
        events=_EVENTS,
        secrets=[
            SealedColumn("accounts", "totp_secret"),
            SealedColumn("signing_keys", "private"),
            SealedColumn("identity_providers", "client_secret", tenant=True),
        ],
        chores=[Chore("accounts.purge_attempts", _purge_attempts)],
    )


async def _purge_attempts(database: Database, _files: Files) -> None:
    await Attempts(database).purge()
