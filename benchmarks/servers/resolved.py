"""The service without plans: GraphQL resolved field by field, relations by loaders."""

from starlette.types import ASGIApp

from crm_api.api.graphql import Endpoint
from crm_api.serving import Connection, application

CONNECTION = Connection


def create() -> ASGIApp:
    """The application, from `CRM_*`; documents are parsed and validated once here too."""
    Endpoint.plan = lambda self, operation, variables: None  # noqa: ARG005
    return application()
