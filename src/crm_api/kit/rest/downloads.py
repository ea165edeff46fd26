"""Stored files as answers: whole or a range, and whether the client has them already."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from crm_api.kit.errors import NotFound, OutOfRange
from crm_api.kit.files.store import FileGone, Files, Place
from crm_api.kit.rest import answers

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
# A browser that is led to a file neither runs nor trusts what is in it.
_HARMLESS = "sandbox; default-src 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Download:
    """A stored file as it is handed out."""

    place: Place
    filename: str
    media_type: str
    etag: str | None = None
    inline: bool = False
    """Whether a browser may show it; otherwise it can only be saved."""
    shared: bool = False
    """Whether pages of others may embed it."""


async def sent(request: Request, files: Files, what: Download) -> Response:
    """The file, or the range of it that is asked for; raises `NotFound`, `OutOfRange`."""
    size = await files.size(what.place)
    if size is None:
        raise _gone()
    headers = _headers(what)
    if what.etag is not None and answers.matches(request.headers.get("if-none-match"), what.etag):
        return Response(status_code=304, headers=headers)
    start, end = _range_of(request, size, what.etag) or (0, size)
    is_part = (start, end) != (0, size)
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    status = 206 if is_part else 200
    if request.method == "HEAD":
        return Response(None, status, headers, what.media_type)
    try:
        blocks = await files.open(what.place, start, end) if end > start else _nothing()
    except FileGone:
        raise _gone() from None
    return StreamingResponse(blocks, status, headers, what.media_type)


def _headers(what: Download) -> dict[str, str]:
    headers = {
        "Content-Disposition": _disposition(what),
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": _HARMLESS,
        "Cache-Control": "private, no-store" if what.etag is None else answers.PRIVATE,
    }
    if what.shared:
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return headers if what.etag is None else {**headers, "ETag": what.etag}


def _disposition(what: Download) -> str:
    shown, name = "inline" if what.inline else "attachment", what.filename
    quoted = quote(name, safe="")
    if quoted == name:
        return f'{shown}; filename="{name}"'
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"{shown}; filename=\"{plain}\"; filename*=UTF-8''{quoted}"


def _range_of(request: Request, size: int, etag: str | None) -> tuple[int, int] | None:
    """The one range that is asked for; several are answered with the whole, as they may be."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or found[1] == found[2] == "":
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition != etag:
        return None
    if found[1] == "":
        start, end = max(0, size - int(found[2])), size
    else:
        start = int(found[1])
        end = min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size or end <= start:
        message = f"The file has {size} bytes."
        raise OutOfRange(message, headers={"Content-Range": f"bytes */{size}"})
    return start, end


async def _nothing() -> AsyncIterator[bytes]:
    for block in ():
        yield block


def _gone() -> NotFound:
    return NotFound("There is no such file any more.", code="file_gone")
