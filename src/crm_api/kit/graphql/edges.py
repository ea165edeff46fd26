"""The ways back: what a record leads to because others refer to it, at both faces.

A domain names the way back where it declares its reference, `Relation(…, back="deals")`, and the
record that is referred to leads there: `include=deals`, `filter[deals][some][status]=open` and counts
over REST, `deals(where:, orderBy:, first:, after:)` and the same filters over GraphQL. Collections
below need not know of it, nor does it need any code of the domain's own.
"""

from collections.abc import Iterable
from typing import Any

import strawberry

from crm_api.kit.crud.service import CrudService
from crm_api.kit.graphql.relations import connections, related_many
from crm_api.kit.graphql.types import output_type


def lead_back(services: Iterable[type[CrudService[Any]]]) -> None:
    """Lead from every record to those that refer to it by a relation with a name for that.

    Once, when all collections are known and before the schema is made.
    """
    known = {service.repository.listing.entity: service for service in services}
    named = [
        (service.repository.listing, relation)
        for service in known.values()
        for relation in service.repository.listing.relations
        if relation.back is not None
    ]
    for listing, relation in named:
        turned, below = relation.turned(listing), relation.target()
        below.lead(turned)
        field = related_many(known[below.entity], turned.name, connections[listing.entity])
        _add(output_type(below.out), turned.name, field)


def _add(node: Any, name: str, field: Any) -> None:
    """Give a type a field that was not known of when it was made."""
    made: Any = strawberry.type(type(node.__name__, (), {name: field}))
    node.__strawberry_definition__.fields.extend(made.__strawberry_definition__.fields)
