"""The tokens of links: `crm_quote_<organization and link>_<secret>`."""

from uuid import UUID

from crm_api.kit.tokens import Opaque, keyed_hash, new_secret, parse

KIND = "quote"


def new_token(organization_id: UUID, link_id: UUID) -> Opaque:
    """A token that opens a link."""
    return Opaque(KIND, (organization_id, link_id), new_secret())


def read(text: str) -> tuple[UUID, UUID, str] | None:
    """The organization, the link and the secret of a token; None where it is none."""
    found = parse(text, KIND, 2)
    return None if found is None else (*found.ids, found.secret)  # pyright: ignore[reportReturnType]


def hash_of(key: bytes, secret: str) -> str:
    """What is stored of a token."""
    return keyed_hash(key, "quote link", secret)
