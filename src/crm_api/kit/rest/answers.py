"""Answers: representations as bytes, entity tags, pages with their links."""

from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request, Response

from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import Selection

JSON = "application/json"
PRIVATE = "private, no-cache"
UNKEPT = {"Cache-Control": "no-store"}
"""For answers that hold a secret."""


def etag_of(version: int, selection: Selection, shown: tuple[str, ...]) -> str:
    """A strong tag: the version, and what is shown of it where that is not all."""
    if selection.fields == shown and not selection.included:
        return f'"{version}"'
    return _etag(version, repr(selection.view).encode())


def etag_of_body(version: int, row: Any) -> str:
    """The tag of what also shows other records, which change without it."""
    return _etag(version, encode(row))


def _etag(version: int, text: bytes) -> str:
    return f'"{version}-{sha256(text).hexdigest()[:8]}"'


def version_of(if_match: str | None) -> int | None:
    """The version that `If-Match` asks for; `*` and its absence ask for none."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip()
    version = tag[1:-1].partition("-")[0] if tag[:1] == tag[-1:] == '"' else ""
    if not version.isdecimal() or len(version) > 9:
        message = 'If-Match takes one entity tag of this service, such as "3".'
        raise Invalid(message, faults=[Fault("invalid_etag", message, header="If-Match")])
    return int(version)


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this representation already."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def record(row: Any, *, etag: str | None = None) -> Response:
    """One representation."""
    headers = {"ETag": etag or f'"{row.version}"', "Cache-Control": PRIVATE}
    return Response(encode(row), 200, headers, JSON)


def narrowed(row: Any, shape: type[Any]) -> Any:
    """A row with the fields of a smaller shape only."""
    return shape(*[getattr(row, name) for name in shape.__struct_fields__])


def created(request: Request, row: Any) -> Response:
    """201: a new record, and where it is."""
    id, version = (row["id"], row["version"]) if isinstance(row, dict) else (row.id, row.version)
    headers = {
        "ETag": f'"{version}"',
        "Location": f"{request.scope['path']}/{id}",
        "Cache-Control": PRIVATE,
    }
    return Response(encode(row), 201, headers, JSON)


def made(collection: str, row: Any) -> Response:
    """201: a record that was made elsewhere than in its collection, and where it is."""
    headers = {"Location": f"/v1/{collection}/{row.id}", "ETag": f'"{row.version}"'}
    return plain(row, status=201, headers=headers)


def linked(response: Response, tx: Tx) -> Response:
    """The answer with what the transaction has to point at."""
    for rel, path in tx.links:
        response.headers.append("Link", f'<{path}>; rel="{rel}"')
    return response


def unchanged(etag: str) -> Response:
    """304: the client has it."""
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": PRIVATE})


def moved(request: Request, target: UUID) -> Response:
    """308: the record lives on under another id; not to be remembered, since it may be undone."""
    path, query = request.scope["path"].rpartition("/")[0], request.url.query
    location = f"{path}/{target}?{query}" if query else f"{path}/{target}"
    return Response(status_code=308, headers={"Location": location, "Cache-Control": PRIVATE})


def page(request: Request, found: Page, *, link: bool = True) -> Response:
    """A list with its cursor, and the link to the next page."""
    body: dict[str, Any] = {"data": found.data, "next_cursor": found.next_cursor}
    if found.total is not None:
        body["total"] = found.total
    headers = {"Cache-Control": PRIVATE}
    if link and found.next_cursor is not None:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
        query = urlencode([*kept, ("cursor", found.next_cursor)])
        headers["Link"] = f'<{request.scope["path"]}?{query}>; rel="next"'
    return Response(encode(body), 200, headers, JSON)


def plain(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any value as JSON."""
    return Response(encode(value), status, headers, JSON)
