"""The OpenAPI document: what the framework finds, completed to what is true."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from crm_api.kit.rest.problems import Problem

DESCRIPTION = """One picture of the client, for every department.

Lists take `filter`, `sort`, `fields`, `include`, `limit` and `cursor`; writes take `dry_run`;
errors are RFC 9457 problem documents whose `code` is the contract.
"""


def install(app: FastAPI) -> None:
    """Have `/openapi.json` serve the completed document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = document  # pyright: ignore[reportAttributeAccessIssue]


def build(app: FastAPI) -> dict[str, Any]:
    """The document of an application."""
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
        [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
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
    found["tags"] = sorted(
        (
            {"name": tag}
            for tag in {
                t for i in found["paths"].values() for o in i.values() for t in o.get("tags", ())
            }
        ),
        key=lambda tag: tag["name"],
    )
    return found


def _complete(path: str, operation: dict[str, Any]) -> None:
    operation.pop("x-filter", None)
    operation["security"] = [{"key": []}] if path.startswith("/v1/") else []
    if "description" not in operation:
        operation["description"] = f"{operation['summary']}."
    declared = operation["responses"].get("422")
    if declared is not None and "application/json" in declared.get("content", {}):
        del operation["responses"]["422"]
