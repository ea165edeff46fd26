"""The tokens of links: `crm_<what they open>_<organization and link>_<secret>`."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.tokens import Opaque, keyed_hash, new_secret, parse


@dataclass(frozen=True)
class LinkTokens:
    """The tokens of one kind of link."""

    kind: str
    purpose: str
    """What their hashes are of, so that none opens a link of another kind."""

    def new(self, organization_id: UUID, link_id: UUID) -> Opaque:
        """A token that opens a link."""
        return Opaque(self.kind, (organization_id, link_id), new_secret())

    def read(self, text: str) -> tuple[UUID, UUID, str] | None:
        """The organization, the link and the secret of a token; None where it is none."""
        found = parse(text, self.kind, 2)
        return None if found is None else (*found.ids, found.secret)  # pyright: ignore[reportReturnType]

    def hash_of(self, key: bytes, secret: str) -> str:
        """What is stored of a token."""
        return keyed_hash(key, self.purpose, secret)
