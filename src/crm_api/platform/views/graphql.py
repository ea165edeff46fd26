"""Views over GraphQL."""

from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.types import type_from
from crm_api.platform.views.schemas import ViewOut
from crm_api.platform.views.service import ViewService


@type_from(ViewOut)
class View:
    """A saved way to look at a collection."""


_VIEWS = Collection(ViewService, View)
ViewQuery = _VIEWS.query()
ViewMutation = _VIEWS.mutation()
