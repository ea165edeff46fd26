"""The file of a request as it comes, never in memory as a whole: bare, or in a form."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from crm_api.kit.errors import Invalid, Malformed

_LONGEST_HEADER = 8_192
_FILE = "file"


class Incoming:
    """What a request sends; the name and the type are known once its content has begun."""

    def __init__(self, request: Request, filename: str | None) -> None:
        self._request = request
        self.filename = filename
        kind, options = parse_options_header(request.headers.get("content-type"))
        self.content_type: str | None = kind.decode("latin-1")
        self._boundary = options.get(b"boundary") if kind == b"multipart/form-data" else None
        self._is_form = kind == b"multipart/form-data"

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the file; raises `Malformed` where they end early, `Invalid`."""
        try:
            async for chunk in self._form() if self._is_form else self._request.stream():
                if chunk:
                    yield chunk
        except ClientDisconnect:
            raise Malformed("The body ended early.", code="body_ended_early") from None

    async def _form(self) -> AsyncIterator[bytes]:
        if not self._boundary:
            raise Malformed("The form names no boundary.", code="malformed_form")
        form = _Form()
        parser = MultipartParser(
            self._boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.name,
                "on_header_value": form.value,
                "on_header_end": form.header,
                "on_headers_finished": form.opened,
                "on_part_data": form.data,
                "on_part_end": form.close,
                "on_end": form.end,
            },
        )
        async for chunk in self._request.stream():
            try:
                parser.write(chunk)
            except MultipartParseError as error:
                raise Malformed(str(error)[:200], code="malformed_form") from None
            self._learn(form)
            for data in form.taken():
                yield data
        if not form.is_whole:
            raise Malformed("The form ended early.", code="body_ended_early")
        if form.files != 1:
            raise Invalid.at("/file", "required", "Send one part that is called `file`.")

    def _learn(self, form: "_Form") -> None:
        if form.files:
            self.filename = self.filename or form.filename
            self.content_type = form.content_type


@dataclass
class _Form:
    """What the parser finds, between one chunk and the next."""

    files: int = 0
    filename: str | None = None
    content_type: str | None = None
    is_whole: bool = False
    _headers: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    _name: bytes = b""
    _value: bytes = b""
    _data: list[bytes] = field(default_factory=list[bytes])

    def begin(self) -> None:
        self._headers = {}

    def name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check()

    def value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check()

    def _check(self) -> None:
        if len(self._name) + len(self._value) > _LONGEST_HEADER:
            raise Malformed("A header of a part is too long.", code="malformed_form")

    def header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def opened(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name != _FILE:
            message = "The form has one part, `file`; all else is told in the query."
            raise Invalid.at(f"/{name[:60]}", "unknown_field", message)
        self.files += 1
        if self.files > 1:
            raise Invalid.at("/file", "too_many", "One file at a time.")
        self.filename = options.get(b"filename", b"").decode("utf-8", "replace") or None
        kind = self._headers.get(b"content-type")
        self.content_type = kind.decode("latin-1") if kind else None

    def data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def close(self) -> None:
        self._headers = {}

    def end(self) -> None:
        self.is_whole = True

    def taken(self) -> list[bytes]:
        """What has come since this was asked last."""
        found, self._data = self._data, []
        return found
