"""The service as it is: credentials, tenancy, strict parsing, logs, compression."""

from starlette.types import ASGIApp

from crm_api.serving import Connection, application

CONNECTION = Connection


def create() -> ASGIApp:
    """The application, from `CRM_*`."""
    return application()
