"""Documents that were agreed upon beforehand, named by their SHA-256."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from crm_api.api.graphql_requests import Asked
from crm_api.kit.errors import Forbidden, Malformed


class BadManifest(Exception):
    """The file of persisted documents is not what it should be."""


class Persisted:
    """The allowed documents by their hash; nothing a client sends adds to them."""

    def __init__(self, documents: Mapping[str, str], *, only: bool = False) -> None:
        self._documents = documents
        self._only = only

    @classmethod
    def read(cls, path: Path | None, *, only: bool = False) -> "Persisted":
        """The documents of a manifest: hash to text, or Apollo's; raises `BadManifest`."""
        if path is None:
            return cls({}, only=only)
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadManifest(f"{path}: {error}") from None
        documents = _documents(given, path)
        for name, text in documents.items():
            if sha256(text.encode()).hexdigest() != name:
                raise BadManifest(f"{path}: {name!r} is not the SHA-256 of its document")
        return cls(documents, only=only)

    def text(self, asked: Asked) -> str:
        """The document that is asked for; raises `Malformed` or `Forbidden`."""
        name = asked.hash
        if asked.query is not None:
            own = None if name is None and not self._only else sha256(_bytes(asked.query))
            if name is not None and own is not None and own.hexdigest() != name:
                raise Malformed("The hash is not that of the document.")
            if self._only and (own is None or own.hexdigest() not in self._documents):
                raise Forbidden(
                    "Only documents agreed upon beforehand are carried out here.",
                    code="persisted_queries_only",
                )
            return asked.query
        if name is None:
            raise Malformed("There is no `query`.")
        if name not in self._documents:
            raise Malformed("There is no such document.", code="persisted_query_not_found")
        return self._documents[name]


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _documents(given: Any, path: Path) -> dict[str, str]:
    if isinstance(given, dict) and "operations" in given:
        listed = cast("Any", given)["operations"]
        try:
            given = {entry["id"]: entry["body"] for entry in listed}
        except (TypeError, KeyError):
            raise BadManifest(f"{path}: an operation needs `id` and `body`") from None
    found = cast("dict[Any, Any]", given) if isinstance(given, dict) else {None: None}
    if not all(isinstance(k, str) and isinstance(v, str) for k, v in found.items()):
        raise BadManifest(f"{path}: not an object of documents by their hash")
    return cast("dict[str, str]", found)
