"""The OpenAPI document: what the framework finds, completed to what is true."""

import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from crm_api.api.examples import add_examples, example_of
from crm_api.kit.module import Module
from crm_api.kit.rest.problems import Problem
from crm_api.platform.history.schemas import EventOut

DESCRIPTION = """One picture of the client, for every department.

Lists take `filter`, `sort`, `fields`, `include`, `limit` and `cursor`; writes take `dry_run`;
errors are RFC 9457 problem documents whose `code` is the contract.
"""


def install(app: FastAPI, modules: Sequence[Module]) -> None:
    """Have `/openapi.json` serve the completed document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app, modules)
        return app.openapi_schema

    app.openapi = document  # pyright: ignore[reportAttributeAccessIssue]


def build(app: FastAPI, modules: Sequence[Module]) -> dict[str, Any]:
    """The document of an application made of these modules."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    _, problem = models_json_schema(
        [(Problem, "serialization"), (EventOut, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    schemas.update(problem["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    found["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key: `crm_…`."}
    }
    for path, item in found["paths"].items():
        for operation in item.values():
            _complete(path, operation)
    found["components"]["schemas"] = dict(sorted(schemas.items()))
    subjects = {"health": "Whether the service is up."}
    for module in modules:
        subjects |= module.subjects
    used = {t for i in found["paths"].values() for o in i.values() for t in o.get("tags", ())}
    found["tags"] = [{"name": tag, "description": subjects[tag]} for tag in sorted(used)]
    found["webhooks"] = _webhooks(modules, found)
    add_examples(found)
    return found


def _webhooks(modules: Sequence[Module], document: dict[str, Any]) -> dict[str, Any]:
    """What is sent to others: an event of each topic, in the same envelope."""
    event = {"$ref": "#/components/schemas/EventOut"}
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
    operation["security"] = [{"key": []}] if path.startswith("/v1/") else []
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
