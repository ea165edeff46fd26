"""What logging in, sessions and accounts look like from outside."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.kit.actor import ActorKind
from crm_api.kit.schema import Create, Name, Out, Schema, Shape, Unique, patch_of
from crm_api.kit.values import email as addresses
from crm_api.platform.accounts.passwords import LONGEST, SHORTEST

RESET_FOR = timedelta(hours=1)
CODE_FOR = timedelta(minutes=1)


def _writable(value: str) -> str:
    if "\0" in value:
        raise ValueError("a password has no control characters")
    value.encode()
    return value


Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=320),
    AfterValidator(lambda raw: addresses.normalise(raw).key),
    Field(description="The address of the account.", examples=["member@example.com"]),
]
Password = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST),
    AfterValidator(_writable),
    Field(examples=["plainly an example of 2026"]),
]
NewPassword = Annotated[
    Password,
    Field(
        description=f"{SHORTEST} to {LONGEST} characters of any kind; easily guessed ones are "
        "refused."
    ),
]
Code = Annotated[
    str,
    StringConstraints(min_length=6, max_length=40, pattern=r"^[0-9A-Za-z \-]+$"),
    Field(description="Of the authenticator, or a recovery code.", examples=["123456"]),
]
TokenText = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class LoginInput(Schema):
    """Who wants in."""

    email: Email
    password: Password
    organization_id: UUID | None = Field(
        None, description="Needed by whoever belongs to several organizations."
    )
    code: Code | None = Field(
        None,
        description="Needed where there is a second factor: of the authenticator, or a "
        "recovery code.",
    )


class RefreshInput(Schema):
    """A refresh token, which is used up."""

    refresh_token: TokenText


class SwitchInput(Schema):
    """Where to work on."""

    organization_id: UUID


class TokensOut(Shape):
    """What a client works with."""

    access_token: str = Field(description="A JWT (RFC 9068) for `Authorization: Bearer`.")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds that the access token lasts.")
    refresh_token: str = Field(description="Good for one refresh.")
    scope: str = Field(description="What the tokens are good for.")
    refresh_expires_at: datetime = Field(description="The end of the session, refreshed or not.")
    session_id: UUID
    organization_id: UUID
    user_id: UUID


class AcceptInput(Schema):
    """An invitation, and the password of the account that joins by it."""

    token: TokenText = Field(description="Of the invitation.")
    password: NewPassword = Field(
        description="A new one, or the present one where the address has an account already."
    )
    code: Code | None = Field(None, description="Where that account has a second factor.")


class JoinedOut(Shape):
    """A member who can log in now."""

    organization_id: UUID
    user_id: UUID
    email: str


class PasswordInput(Schema):
    """The password, to make sure that it is the person who asks."""

    password: Password


class FactorInput(PasswordInput):
    """The password, and where there is a second factor, a code of it."""

    code: Code | None = Field(
        None, description="Of the authenticator, or a recovery code; needed once it is confirmed."
    )


class CodeInput(Schema):
    """A code of an authenticator."""

    code: Code


class TotpOut(Shape):
    """What an authenticator is set up with."""

    secret: str = Field(description="Base32; shown this once.")
    uri: str = Field(description="`otpauth://…`, to be shown as a QR code.")


class RecoveryCodesOut(Shape):
    """Codes for whoever has lost the authenticator."""

    codes: list[str] = Field(description="Each is good once; shown this once.")


class PasswordChange(Schema):
    """The present password and the one that takes its place."""

    current_password: Password
    new_password: NewPassword


class EmailChange(Schema):
    """The address to log in with from now on, and what its person is recognised by."""

    email: Email = Field(description="The new address, which a letter is sent to.")
    password: Password
    code: Code | None = Field(None, description="Needed where there is a second factor.")


class EmailConfirmation(Schema):
    """A token that came to the new address."""

    token: TokenText


class ForgottenInput(Schema):
    """Who has forgotten a password."""

    email: Email
    invitation: TokenText | None = Field(
        None,
        description="The token of an invitation, for whoever is no member of any organization "
        "any more and has one to accept.",
    )


class PasswordReset(Schema):
    """A token, and the password that it sets."""

    token: TokenText
    new_password: NewPassword


class ResetOut(Shape):
    """A token that sets a new password."""

    token: str = Field(description="Shown this once; hand it to the person.")
    expires_at: datetime


class OrganizationRef(Shape):
    """An organization that a person belongs to."""

    id: UUID
    name: str
    user_id: UUID = Field(description="The person as a member there.")


class AccountOut(Shape):
    """What the person logs in with."""

    id: UUID
    email: str
    password_changed_at: datetime | None
    second_factor: bool = Field(description="Whether logging in takes a code as well.")
    new_email: str | None = Field(
        description="The address that was asked for and whose holder has not confirmed it yet."
    )


class MeOut(Shape):
    """Who asks."""

    kind: ActorKind
    id: UUID | None
    organization_id: UUID
    session_id: UUID | None
    scopes: list[str]
    team_ids: list[UUID]
    account: AccountOut | None = Field(description="None for programs.")
    organizations: list[OrganizationRef] = Field(description="All that the person belongs to.")


class SessionOut(Shape):
    """A login that lasts."""

    id: UUID
    is_current: bool
    methods: list[str] = Field(description="`pwd`, `otp`, … (RFC 8176).")
    provider_id: UUID | None = Field(
        description="The outside provider that recognised the user; without it the session ends."
    )
    client_id: UUID | None = Field(description="The app that works in the user's name.")
    started_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None


class KeyOut(Shape):
    """A public key (RFC 7517)."""

    kid: str
    kty: str = Field(examples=["EC"])
    crv: str = Field(examples=["P-256"])
    x: str
    y: str
    use: str = Field(examples=["sig"])
    alg: str = Field(examples=["ES256"])


class KeySetOut(Shape):
    """A set of public keys (RFC 7517)."""

    keys: list[KeyOut]


Scope = Annotated[str, StringConstraints(pattern=r"^(\*|(\*|[a-z_]{1,40}):(\*|[a-z_]{1,20}))$")]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=100), Unique]


def _redirect(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("that is no URI") from None
    if not value.isascii() or not value.isprintable() or " " in value or "#" in value:
        raise ValueError("a redirect URI has no blanks and no fragment")
    if parts.scheme == "https" and parts.hostname and "@" not in parts.netloc:
        return value
    if parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}:
        return value
    if "." in parts.scheme and not parts.netloc:
        return value
    raise ValueError("https, http on this machine, or a scheme such as com.example.app")


_REDIRECT = Field(min_length=8, max_length=500, examples=["https://app.example.com/callback"])
RedirectUri = Annotated[str, _REDIRECT, AfterValidator(_redirect)]


class _AppFields(Create):
    name: Name = Field(description="What users see when they are asked.", examples=["Sample app"])
    redirect_uris: Annotated[list[RedirectUri], Field(max_length=20), Unique] = Field(
        default_factory=list,
        description="Where users are sent back to; compared letter by letter.",
        examples=[["https://app.example.com/callback"]],
    )
    scopes: Scopes = Field(
        description="The most it may do; never more than its maker.",
        examples=[["contacts:read"]],
    )


class AppCreate(_AppFields):
    """A program that works for the organization, or in the name of its users."""

    is_confidential: bool = Field(
        True, description="Whether it can keep a secret; apps on phones and in browsers cannot."
    )


AppUpdate = patch_of("AppUpdate", _AppFields)


class AppOut(Out):
    """An app; its `id` is its `client_id`."""

    name: str
    redirect_uris: list[str]
    scopes: list[str]
    is_confidential: bool


class AppMade(AppOut):
    """A new app with its secret."""

    client_secret: str | None = Field(description="Shown this once; none for public apps.")


class SecretOut(Shape):
    """A new secret."""

    client_secret: str = Field(description="Shown this once; the former one opens nothing.")


class AppConsentInput(Schema):
    """What an app asks a user for, as the app has sent it to the authorization endpoint."""

    response_type: Literal["code"]
    client_id: UUID
    redirect_uri: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    code_challenge: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{43}$")] = Field(
        description="The SHA-256 of the verifier, in base64url.",
        examples=["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
    )
    code_challenge_method: Literal["S256"]
    scope: Annotated[str, StringConstraints(max_length=2000)] | None = Field(
        None, description="Separated by blanks; all of the app's if it is left out."
    )
    state: Annotated[str, StringConstraints(max_length=1000)] | None = None


class AppConsentOut(Shape):
    """Where the user's browser goes with the code."""

    redirect_to: str
    app_id: UUID
    app_name: str
    scopes: list[str] = Field(description="What the app may then do.")


class OAuthTokensOut(Shape):
    """RFC 6749, 5.1."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str | None = None


class IntrospectionOut(Shape):
    """RFC 7662, 2.2."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    sub: str | None = None
    exp: int | None = None
    iat: int | None = None
    iss: str | None = None
    aud: str | None = None
    jti: str | None = None
    token_type: str | None = None


class OAuthErrorOut(Shape):
    """RFC 6749, 5.2."""

    error: str
    error_description: str


class ServerMetadataOut(Shape):
    """RFC 8414."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
