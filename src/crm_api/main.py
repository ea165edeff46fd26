"""The ASGI application."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette_compress import CompressMiddleware

from crm_api.api import errors, health, logs, openapi
from crm_api.api.direct import Direct
from crm_api.api.graphql import graphql_router
from crm_api.api.middleware import Outermost
from crm_api.api.services import AppServices, spare_garbage_collector
from crm_api.kit.rest.requests import StrictRoute
from crm_api.registry import MODULES
from crm_api.settings import Settings

EXPOSED = ["ETag", "Location", "Link", "Retry-After", "X-Request-ID"]


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole service, ready for an ASGI server."""
    settings = settings or Settings()  # pyright: ignore[reportCallIssue]
    logs.configure(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        app.state.services = AppServices(settings)
        spare_garbage_collector()
        yield
        await app.state.services.close()

    graphql = graphql_router(MODULES, settings)
    routers = [*(router for module in MODULES for router in module.routers), graphql]
    app = FastAPI(
        title="crm-api",
        version="1.0.0",
        lifespan=lifespan,
        docs_url="/docs" if settings.docs else None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=JSONResponse,
        separate_input_output_schemas=False,
        # Its switches are looked up again for each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=[
            Middleware(
                Outermost,
                max_body=settings.max_body_bytes,
                max_upload=settings.max_upload_bytes + 65_536,
            ),
            *_cors(settings),
            Middleware(CompressMiddleware, minimum_size=1_000),
            Middleware(Direct, routes=[route for r in routers for route in r.routes]),
        ],
    )
    app.router.route_class = StrictRoute
    errors.install(app)
    openapi.install(app, MODULES)
    app.include_router(health.router)
    for router in routers:
        app.include_router(router)
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
