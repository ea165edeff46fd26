"""The service as it is: credentials, tenancy, strict parsing, logs, compression."""

from starlette.types import ASGIApp

from crm_api.main import create_app


def create() -> ASGIApp:
    """The application, from `CRM_*`."""
    return create_app()
