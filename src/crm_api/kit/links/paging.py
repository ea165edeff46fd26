"""The pages of links: shown to whoever has one, with forms that need no scripts."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError

from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.faults import faults_of
from crm_api.kit.links.looks import HEADERS, failure_of
from crm_api.kit.links.opening import Caller, Opened
from crm_api.kit.links.visiting import (
    PAGE,
    SENT,
    Token,
    begun,
    caller_of,
    form_of,
    html_of,
    sent_form,
    throttled,
)
from crm_api.kit.rest.requests import services_of

_GONE = frozenset({404, 410, 429})
Shape = TypeVar("Shape", bound=BaseModel)


class SentForm(Protocol):
    """What a browser has sent by a form of a page."""

    async def carry_out(self, door: Any) -> str | None:
        """Do what it says; raises `Invalid`, and what the door does.

        Returns where the browser is led, if not to the page again.
        """
        ...

    def is_done_by(self, error: CrmError) -> bool:
        """Whether the same was said before, by the same link: somebody clicked twice."""
        ...


@dataclass(frozen=True)
class LinkPage:
    """The page of one kind of link."""

    opened: Opened
    door: Callable[[Tx, Caller], Any]
    package: str
    """Where the words of it are."""
    read: Callable[[bytes], SentForm]
    """Reads what a form has sent; raises `Invalid`."""
    html: Callable[[Any, Request, Any, CrmError | None], Awaitable[str]]
    """The page, of a door, with what was given to its form and what is wrong with that."""
    fields: Mapping[str, Any]
    """What every form of it has, as JSON Schema."""

    async def show(self, request: Request, token: Token) -> Response:
        """The page; one that says why there is none."""
        return await self._shown(request, token)

    async def answer(self, request: Request, token: Token) -> Response:
        """What a form says is done; its browser is led back to the page."""
        try:
            form = self.read(await sent_form(request))
        except CrmError as error:
            return self._failed(request, error)
        place = None
        try:
            await throttled(request, token, self.opened)
            tx = await begun(request, token, self.opened)
            async with unit_of_work(tx, services_of(request).ring):
                place = await form.carry_out(self.door(tx, caller_of(request)))
        except CrmError as error:
            if error.status >= 500 or error.status in _GONE:
                return self._failed(request, error)
            if not form.is_done_by(error):
                return await self._shown(request, token, form, error)
        return Response(status_code=303, headers={"Location": place or "page", **HEADERS})

    async def _shown(
        self,
        request: Request,
        token: str,
        form: SentForm | None = None,
        error: CrmError | None = None,
    ) -> Response:
        try:
            tx = await begun(request, token, self.opened)
            async with unit_of_work(tx, services_of(request).ring):
                html = await self.html(self.door(tx, caller_of(request)), request, form, error)
        except CrmError as failure:
            return self._failed(request, failure)
        return html_of(html, error)

    def _failed(self, request: Request, error: CrmError) -> Response:
        if error.status >= 500:
            raise error
        accepted = request.headers.get("accept-language")
        return html_of(failure_of(self.package, accepted, error), error)


def add_page(
    pages: APIRouter, page: LinkPage, shown: tuple[str, str, str], sent: tuple[str, str, str]
) -> None:
    """Show a page at `/{token}/page`, and take what its forms send.

    Of both the operation, a summary and a description are told.
    """
    operation, summary, description = shown
    pages.add_api_route(
        "/{token}/page",
        page.show,
        operation_id=operation,
        summary=summary,
        description=description,
        responses=PAGE,
        openapi_extra={"security": []},
    )
    operation, summary, description = sent
    pages.add_api_route(
        "/{token}/page",
        page.answer,
        methods=["POST"],
        status_code=303,
        operation_id=operation,
        summary=summary,
        description=description,
        response_class=Response,
        responses=SENT,
        openapi_extra=form_of(dict(page.fields)),
    )


def fields_of(body: bytes, most: int = 20) -> list[tuple[str, str]]:
    """The fields of a form, with the line breaks and edges of a text; raises `Invalid`."""
    try:
        given = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=most)
    except ValueError:
        raise Invalid("The form cannot be read.") from None
    return [(name, value.replace("\r\n", "\n").strip()) for name, value in given]


def filled(shape: type[Shape], given: Mapping[str, Any]) -> Shape:
    """What a form gives for a shape; raises `Invalid`."""
    try:
        return shape.model_validate(dict(given))
    except ValidationError as error:
        faults = faults_of(error.errors(include_url=False))
        raise Invalid("Something is missing or cannot be read.", faults=faults) from None
