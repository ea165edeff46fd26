"""How the answer to a request that changes something is given: once, and as short as is wanted."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Annotated, Any, Protocol

from fastapi import Header, Request, Response
from starlette.datastructures import FormData, UploadFile

from crm_api.kit.actor import Actor
from crm_api.kit.db import answers
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.rates import Account

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Any text of your own, such as a UUID. The same request with the same key is "
        "carried out once: whoever repeats it within 48 hours gets the first answer again.",
    ),
]
Prefer = Annotated[
    str | None,
    Header(alias="Prefer", description="`return=minimal`: without the record in the answer."),
]
LONGEST_KEY = 255
DIGEST = "content_digest"
"""Where a request's scope has what tells its body from others, if that was not kept in memory."""
REPLAYED = {"Idempotency-Replayed": "true"}
_CHUNK = 1 << 20
# What the server adds itself.
_OWN = {"content-length"}


Purse = Callable[[int], Awaitable[object]]
"""Spends points of a credential."""


class RequestTx(Tx):
    """The unit of work of a request."""

    manner: "Manner | None" = None
    """How the answer is wanted, if the request says anything about it."""
    answer_matters: bool = True
    """False where the request turns out to have done nothing that must not be done twice."""
    purse: "Purse | None" = None
    account: Account | None = None
    """Where the request is counted."""

    async def spend(self, points: int) -> None:
        """Have the request cost more points than one; raises `RateLimited`."""
        if self.purse is not None and points > 0:
            await self.purse(points)


class Handler(Protocol):
    """What makes the answer."""

    def __call__(self) -> Awaitable[Response]:
        """The answer; not committed yet."""
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """What a request says about its answer."""

    key: str | None
    fingerprint: str
    minimal: bool

    async def answer(self, tx: RequestTx, handle: Handler) -> Response:
        """The handler's answer, or the one that was given to the same request before."""
        if self.key is None or tx.dry_run:
            return self._shortened(tx, await handle())
        kept = await answers.claim(tx, self.key)
        if kept is not None:
            await tx.abandon()
            return self._replayed(kept)
        response = self._shortened(tx, await handle())
        if tx.answer_matters:
            headers = {n: v for n, v in response.headers.items() if n not in _OWN}
            # Kept with what was done, and only then: an error leaves nothing that a second try
            # could double.
            answers.keep(
                tx,
                self.key,
                self.fingerprint,
                status=response.status_code,
                headers=headers,
                body=bytes(response.body),
            )
        return response

    def _replayed(self, kept: answers.Kept) -> Response:
        if kept.fingerprint != self.fingerprint:
            raise Invalid(
                "The key belongs to another request.",
                code="idempotency_key_reused",
                faults=[_fault("idempotency_key_reused", "was sent with another request")],
            )
        if kept.body is None:
            place = kept.headers.get("location")
            raise Conflict(
                "The request was carried out, but its answer held a secret that is not kept.",
                code="answer_not_kept",
                details={} if place is None else {"location": place},
                headers=REPLAYED,
            )
        return Response(kept.body, kept.status, {**kept.headers, **REPLAYED})

    def _shortened(self, tx: RequestTx, response: Response) -> Response:
        """Without the representation, if that is preferred and its place and version are told."""
        if not self.minimal or tx.confidential or "etag" not in response.headers:
            return response
        kept = ("location", "etag", "cache-control", "link")
        headers = {name: response.headers[name] for name in kept if name in response.headers}
        headers["Preference-Applied"] = "return=minimal"
        return Response(None, 201 if response.status_code == 201 else 204, headers)


async def manner_of(
    request: Request, actor: Actor, key: str | None, prefer: str | None
) -> Manner | None:
    """What the headers ask for; raises `Invalid`."""
    minimal = prefer is not None and "return=minimal" in _preferences(prefer)
    if key is None:
        return Manner(None, "", minimal) if minimal else None
    return Manner(_checked(key), await _fingerprint(request, actor), minimal)


def answered(
    endpoint: Callable[..., Awaitable[Response]], name: str
) -> Callable[..., Awaitable[Response]]:
    """A handler that answers in the manner of its transaction, which is its argument `name`."""

    async def whole(**values: Any) -> Response:
        tx = values[name]
        if tx.manner is None:
            return await endpoint(**values)
        return await tx.manner.answer(tx, lambda: endpoint(**values))

    return whole


def _preferences(prefer: str) -> set[str]:
    return {part.partition(";")[0].replace(" ", "").lower() for part in prefer.split(",")}


def _checked(key: str) -> str:
    # The draft has a structured string, which stands in quotes; bare text means the same.
    bare = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not 1 <= len(bare) <= LONGEST_KEY or not all("!" <= char <= "~" for char in bare):
        message = f"A key has 1 to {LONGEST_KEY} visible ASCII characters and no blanks."
        raise Invalid(message, faults=[_fault("invalid_idempotency_key", message)])
    return bare


def _fault(code: str, message: str) -> Fault:
    return Fault(code, message, header="Idempotency-Key")


async def _fingerprint(request: Request, actor: Actor) -> str:
    """What makes two requests the same; by a keyed hash, since a body may hold a password."""
    scope = request.scope
    signing_key: bytes = scope["app"].state.services.database.signing_key
    form: FormData | None = request._form  # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    # Of a form its content: the boundary between its parts differs each time.
    content: bytes | None = scope.get(DIGEST)
    if content is None:
        content = await request.body() if form is None else await _digest(form)
    digest = hmac.new(signing_key, b"repeat", sha256)
    parts = (scope["method"].encode(), scope["path"].encode(errors="surrogateescape"))
    for part in (*parts, scope["query_string"], str(actor.id).encode(), content):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


async def _digest(form: FormData) -> bytes:
    digest = sha256()
    for name, value in form.multi_items():
        whole = (
            await asyncio.to_thread(_of_file, value.file)
            if isinstance(value, UploadFile)
            else value.encode()
        )
        title = value.filename or "" if isinstance(value, UploadFile) else ""
        for part in (name.encode(), title.encode(), whole):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _of_file(file: IO[bytes]) -> bytes:
    digest = sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    file.seek(0)
    return digest.digest()
