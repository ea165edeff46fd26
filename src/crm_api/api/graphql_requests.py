"""GraphQL over HTTP: what a request asks for, and in which form it takes the answer."""

from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, cast

from fastapi import Request

from crm_api.kit.errors import CrmError, Malformed, Unsupported
from crm_api.kit.rest.requests import loads

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
"""With it the status tells whether the document was carried out."""

_MEMBERS: dict[str, tuple[type, str]] = {
    "query": (str, "a string"),
    "documentId": (str, "a string"),
    "variables": (dict, "an object"),
    "operationName": (str, "a string"),
    "extensions": (dict, "an object"),
}


class Unacceptable(CrmError):
    """None of the forms that the client takes is made here."""

    status, code, title = 406, "not_acceptable", "Not acceptable"


@dataclass(frozen=True)
class Asked:
    """The parameters of a GraphQL request."""

    query: str | None = None
    document_id: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Asked":
        """The known members, checked; others are ignored, as the specification wants."""
        for name, (wanted, meaning) in _MEMBERS.items():
            if given.get(name) is not None and not isinstance(given[name], wanted):
                raise Malformed(f"`{name}` is not {meaning}.")
        return cls(
            query=given.get("query"),
            document_id=given.get("documentId"),
            variables=given.get("variables"),
            operation_name=given.get("operationName"),
            extensions=given.get("extensions"),
        )

    @property
    def hash(self) -> str | None:
        """The hash of a persisted document, in either of its two places."""
        if self.document_id is not None:
            return self.document_id.removeprefix("sha256:").lower()
        persisted = (self.extensions or {}).get("persistedQuery")
        if not isinstance(persisted, dict):
            return None
        found = cast("dict[str, Any]", persisted).get("sha256Hash")
        if not isinstance(found, str):
            raise Malformed("`persistedQuery` has no `sha256Hash`.")
        return found.lower()


async def posted(request: Request) -> Asked:
    """What the body asks for; raises `Unsupported` or `Malformed`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Unsupported("Send the body as application/json.", headers={"Accept-Post": JSON})
    found = _value(await request.body(), "The body")
    if not isinstance(found, dict):
        raise Malformed("The body is not an object.")
    return Asked.of(cast("dict[str, Any]", found))


def queried(params: dict[str, str | None]) -> Asked:
    """What a query string asks for; raises `Malformed`."""
    given: dict[str, Any] = dict(params)
    for name in ("variables", "extensions"):
        if given.get(name) is not None:
            given[name] = _value(given[name].encode(errors="surrogatepass"), f"`{name}`")
    return Asked.of(given)


def _value(text: bytes, what: str) -> Any:
    try:
        return loads(text)
    except JSONDecodeError as error:
        raise Malformed(f"{what} is not JSON: {error.msg}.") from None


def form_of(accept: str | None) -> str:
    """The media type of the answer; raises `Unacceptable`."""
    if not accept:
        return JSON
    weights = dict(_range(part) for part in accept.split(","))
    named = weights.get(RESPONSE, 0.0)
    plain = weights.get(JSON, weights.get("application/*", weights.get("*/*", 0.0)))
    if named <= 0 and plain <= 0:
        raise Unacceptable(f"Answers are made as {JSON} or {RESPONSE}.")
    return RESPONSE if named >= plain else JSON


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return kind, float(weight)
    except ValueError:
        return kind, 0.0
