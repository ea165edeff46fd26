"""The words of a record as they are indexed: those of one organization and collection apart."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import md5
from typing import Any, cast
from uuid import UUID

from crm_api.kit.query.listing import Listing
from crm_api.kit.values.words import index_words


@lru_cache(maxsize=4_096)
def scope_of(organization_id: UUID, entity: str) -> str:
    """Four letters before each word, so that no index entry is shared with another organization.

    A chance equality costs time only: whose a document is, its columns say.
    """
    digest = md5(f"{organization_id}{entity}".encode(), usedforsecurity=False).digest()
    return urlsafe_b64encode(digest[:3]).decode()


def document_of(
    listing: Listing, organization_id: UUID, record: Mapping[str, Any], further: Sequence[str] = ()
) -> str:
    """A record's words as a tsvector; empty if it has none or is not searched.

    `further` are texts of its custom fields.
    """
    searched = listing.search
    if searched is None:
        return ""
    words = index_words(
        [text for name in searched.names for text in texts_in(record.get(name))],
        [
            *[text for name in searched.others for text in texts_in(record.get(name))],
            *further,
        ],
    )
    scope = scope_of(organization_id, listing.entity)
    return " ".join([f"'{scope}{word}'" for word in words])


def texts_in(value: Any) -> list[str]:
    """The texts of a field: one, several, or the values of points and of named ids."""
    if not value:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return texts_in(named["value"] if "value" in named else list(named.values()))
    if isinstance(value, list | tuple):
        return [text for each in cast("list[Any]", value) for text in texts_in(each)]
    return []
