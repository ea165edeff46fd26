"""The link of letters that ends them: whoever holds it needs no login (RFC 8058)."""

from uuid import UUID

from crm_api.kit.tokens import Opaque, derived_secret, parse, same

_KIND = "unsubscribe"


def token_of(key: bytes, organization_id: UUID, user_id: UUID) -> str:
    """What the link of a user's letters holds; it follows from the key, so it is not stored."""
    return str(Opaque(_KIND, (organization_id, user_id), _secret(key, organization_id, user_id)))


def user_of(key: bytes, token: str) -> tuple[UUID, UUID] | None:
    """The organization and the user whom a token is for."""
    found = parse(token, _KIND, 2)
    if found is None:
        return None
    organization_id, user_id = found.ids
    good = same(found.secret, _secret(key, organization_id, user_id))
    return (organization_id, user_id) if good else None


def _secret(key: bytes, organization_id: UUID, user_id: UUID) -> str:
    return derived_secret(key, _KIND, f"{organization_id}.{user_id}")
