"""The OpenAPI document: what the framework finds, completed to what is true."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import Field
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from crm_api.api.examples import add_examples, example_of
from crm_api.api.openapi_narrowed import Documents, reached
from crm_api.kit.module import Module
from crm_api.kit.problems import Problem
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import IfNoneMatch
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import new_router
from crm_api.kit.switches import TERRITORY
from crm_api.platform.history.schemas import EventOut


class WebhookEvent(EventOut):
    """What a webhook is sent: the event as the feed has it, in the form of Standard Webhooks."""

    timestamp: datetime = Field(description="When it happened, as `occurred_at`.")
    data: dict[str, Any] | None = Field(  # pyright: ignore[reportIncompatibleVariableOverride]
        None, description="Left out where the webhook is `thin`, or where it would be too long."
    )
    previous: dict[str, Any] | None = None
    test: Literal[True] | None = Field(None, description="Set where it is sent for a test.")
    truncated: Literal[True] | None = Field(
        None, description="Set where `data` and `previous` would be too long to send."
    )


DESCRIPTION = """One picture of the client, for every department.

Lists take `filter`, `sort`, `fields`, `include`, `limit` and `cursor`; writes take `dry_run`;
errors are RFC 9457 problem documents whose `code` is the contract.
"""


_SIGNED: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": kind},
    }
    for name, kind, description in (
        ("webhook-id", "string", "The event's id, the same each time that it is sent."),
        ("webhook-timestamp", "integer", "When this attempt was made, in seconds since 1970."),
        (
            "webhook-signature",
            "string",
            (
                "`v1,` and the HMAC-SHA256 of id, timestamp and body, each followed by a dot but the "
                "last; one for each secret, separated by blanks."
            ),
        ),
    )
]
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The document.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    304: {"description": "Not modified"},
}


def install(app: FastAPI, modules: Sequence[Module], routes: Sequence[BaseRoute]) -> None:
    """Have `/openapi.json` serve the completed document, and `/v1/openapi.json` one's own.

    `routes` are the others, as their routers made them: the framework makes those of included
    routers anew, which takes a quarter of the time.
    """
    # It asks each time: what the application answers with may be another function later.
    own = _own_document(lambda: app.openapi(), modules)  # noqa: PLW0108

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app, modules, [*own.routes, *routes])
        return app.openapi_schema

    app.openapi = document  # pyright: ignore[reportAttributeAccessIssue]
    app.include_router(own)


def _own_document(whole: Callable[[], dict[str, Any]], modules: Sequence[Module]) -> APIRouter:
    router, documents = new_router("openapi", "openapi.json"), Documents(modules)

    @router.get(
        "",
        operation_id="getOpenApi",
        summary="This document, as the organization has it",
        responses=_DOCUMENT | problems(422),
    )
    async def own_document(tx: Reading, if_none_match: IfNoneMatch = None) -> Response:
        """Without the modules that the organization has disabled."""
        text = documents.without(tx.catalogue.switches.disabled, whole())
        if answers.matches(if_none_match, text.etag):
            return answers.unchanged(text.etag)
        headers = {"ETag": text.etag, "Cache-Control": answers.PRIVATE}
        return Response(text.body, 200, headers, answers.JSON)

    del own_document
    return router


def build(app: FastAPI, modules: Sequence[Module], routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The document of an application made of these modules and routes."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=routes,
        servers=[{"url": "/"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    _, problem = models_json_schema(
        [(Problem, "serialization"), (WebhookEvent, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    schemas.update(problem["$defs"])
    found["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, `crm_…`, or an access token.",
        }
    }
    for path, item in found["paths"].items():
        for operation in item.values():
            _complete(path, operation)
    found["components"]["schemas"] = dict(sorted(schemas.items()))
    subjects = {
        "health": "Whether the service is up.",
        "openapi": "What can be asked of the service.",
    }
    for module in modules:
        subjects |= module.subjects
    used = {t for i in found["paths"].values() for o in i.values() for t in o.get("tags", ())}
    found["tags"] = [{"name": tag, "description": subjects[tag]} for tag in sorted(used)]
    found["webhooks"] = _webhooks(modules, found)
    add_examples(found)
    # What stands where it is used, or is a framework's own, is left over.
    used_schemas = reached([found["paths"], found["webhooks"]], found["components"]["schemas"])
    found["components"]["schemas"] = used_schemas
    return found


def _webhooks(modules: Sequence[Module], document: dict[str, Any]) -> dict[str, Any]:
    """What is sent to others: an event of each topic, in the same envelope."""
    event = {"$ref": "#/components/schemas/WebhookEvent"}
    shown = example_of(event, document, whole=True)
    topics = sorted({topic for module in modules for topic in module.topics})
    return {
        topic: {
            "post": {
                "operationId": f"on{''.join(map(str.capitalize, re.split('[._]', topic)))}",
                "summary": f"{topic} happened",
                "description": f"An event of the type `{topic}`.",
                "tags": ["events"],
                "security": [],
                "parameters": _SIGNED,
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": event,
                            "example": {**shown, "type": topic, "entity": topic.partition(".")[0]},
                        }
                    },
                },
                "responses": {
                    "2XX": {"description": "Received; any other answer is a failure."},
                    "4XX": {"description": "Not received; it is sent again."},
                },
            }
        }
        for topic in topics
    }


def _complete(path: str, operation: dict[str, Any]) -> None:
    operation.pop("x-filter", None)
    operation.setdefault("security", [{"key": []}] if path.startswith("/v1/") else [])
    if "description" not in operation:
        operation["description"] = f"{operation['summary']}."
    for answer in operation["responses"].values():
        content = answer.get("content", {})
        if len(content) > 1 and content.get("application/json") == {"schema": {}}:
            # What the framework assumes of a stream or a file.
            del content["application/json"]
    declared = operation["responses"].get("422")
    if declared is not None and "application/json" in declared.get("content", {}):
        del operation["responses"]["422"]
    if path in TERRITORY.routes:
        operation["responses"].setdefault("404", problems(404)[404])
    if any(given["name"] == "Idempotency-Key" for given in operation.get("parameters", ())):
        _complete_change(operation["responses"])


def _complete_change(answers: dict[str, Any]) -> None:
    """What any change may answer beside its own: by `Idempotency-Key` and by `Prefer`."""
    for status, problem in problems(409, 422).items():
        answers.setdefault(str(status), problem)
    if "200" in answers:
        answers.setdefault("204", {"description": "Done; without the record, as is preferred"})
    for status, answer in answers.items():
        if status.startswith("2"):
            answer.setdefault("headers", {})["Idempotency-Replayed"] = {
                "description": "`true`: the answer to an earlier request with the same key.",
                "schema": {"type": "string", "enum": ["true"]},
            }
