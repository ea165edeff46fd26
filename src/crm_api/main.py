"""The ASGI application."""

import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from crm_api.api import errors, health, logs, openapi, telemetry
from crm_api.api.direct import Direct
from crm_api.api.graphql import Endpoint, graphql_router
from crm_api.api.graphql_socket import socket_router
from crm_api.api.middleware import Outermost
from crm_api.api.services import AppServices, spare_garbage_collector
from crm_api.kit.documents import typefaces
from crm_api.kit.rest.requests import StrictRoute
from crm_api.kit.rest.routes import joined, shelved
from crm_api.registry import shown
from crm_api.settings import Settings

# Of annotations that FastAPI makes of bodies. It keeps that quiet while it reads them, which is
# before shapes are worked out (ADR-0119).
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

EXPOSED = [
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
]


def create_app(settings: Settings) -> FastAPI:
    """The whole service, ready for an ASGI server; its logs are those of the process."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        app.state.services = AppServices(settings)
        app.state.services.start()
        spare_garbage_collector()
        yield
        await app.state.services.close()
        logs.flush()

    typefaces.add_from(settings.font_dir)
    modules = shown()
    endpoint = Endpoint(modules, settings)
    graphql = graphql_router(endpoint, settings)
    routers = [*(router for module in modules for router in module.shown.routers), graphql]
    routes = joined(routers).routes
    app = FastAPI(
        title="crm-api",
        version="1.0.0",
        lifespan=lifespan,
        docs_url="/docs" if settings.docs else None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=JSONResponse,
        separate_input_output_schemas=False,
        telemetry=telemetry.configure(settings),
        middleware=[
            Middleware(
                Outermost,
                max_body=settings.max_body_bytes,
                max_bulk=settings.max_bulk_bytes,
                max_upload=settings.max_upload_bytes + 65_536,
                patience_s=settings.request_timeout_s,
            ),
            *_cors(settings),
            Middleware(Direct, routes=routes),
        ],
    )
    app.router.route_class = StrictRoute
    errors.install(app)
    openapi.install(app, modules, [*health.router.routes, *routes])
    app.include_router(health.router)
    for shelf in shelved(routes):
        app.include_router(shelf)
    app.include_router(socket_router(endpoint))
    return app


def _cors(settings: Settings) -> list[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    ]
