"""The ways back: what a record leads to because others refer to it, at both faces.

A domain names the way back where it declares its reference, `Relation(…, back="deals")`, and the
record that is referred to leads there: `include=deals`, `filter[deals][some][status]=open` and counts
over REST, `deals(where:, orderBy:, first:, after:)` and the same filters over GraphQL. Collections
below need not know of it, nor does it need any code of the domain's own.
"""

from collections.abc import Iterable
from typing import Any

import strawberry

from crm_api.kit.crud.collections import ways_back
from crm_api.kit.crud.service import CrudService
from crm_api.kit.graphql.relations import connections, related, related_many
from crm_api.kit.graphql.types import output_type


def show_ways_back(services: Iterable[type[CrudService[Any]]]) -> None:
    """Give the types of all records their ways back; once, before the schema is made."""
    for below, above, relation in ways_back(services):
        connection = connections[above.repository.listing.entity]
        field = related_many(below, relation.name, connection)
        _add(output_type(below.repository.listing.out), relation.name, field)


def show_users(services: Iterable[type[CrudService[Any]]], user: Any) -> None:
    """Give the types of all records what leads to users; once, before the schema is made."""
    for service in services:
        listing = service.repository.listing
        for relation in listing.people:
            _add(output_type(listing.out), relation.name, related(service, relation.name, user))


def _add(node: Any, name: str, field: Any) -> None:
    """Give a type a field that was not known of when it was made."""
    made: Any = strawberry.type(type(node.__name__, (), {name: field}))
    node.__strawberry_definition__.fields.extend(made.__strawberry_definition__.fields)
