"""What every registered part of the product must bring along."""

from crm_api.registry import MODULES
from support.factories import FACTORIES, KINDS, SERVICES
from support.graph import pascal


def test_every_collection_has_a_factory():
    assert {service.plural for service in SERVICES} == FACTORIES.keys()


def test_names_are_unique():
    for names in (
        [module.key for module in MODULES],
        [service.plural for service in SERVICES],
        [service.repository.listing.entity for service in SERVICES],
        [runner.message.kind for module in MODULES for runner in module.jobs],
    ):
        assert len(names) == len(set(names)), names


def test_listing_fields_are_columns_of_the_model():
    for kind in KINDS:
        columns = set(kind.listing.model.__mapper__.column_attrs.keys())
        assert set(kind.listing.shown) <= columns, kind
        assert kind.listing.model is kind.service.repository.model


def test_every_sort_key_has_a_column_that_sorts_by_code_point():
    for kind in KINDS:
        for name, column in kind.listing.sort_keys.items():
            if column.type.python_type is str and column.key != "description":
                assert (
                    column.type.collation == "C" or name == "website" or kind.hands_out_secrets
                ), f"{kind}.{name}"


def test_what_tells_a_hidden_field_may_be_empty():
    # From whom the field is hidden it is null, which GraphQL would refuse of one that never is.
    for service in SERVICES:
        listing = service.repository.listing
        told = frozenset[str]().union(*listing.tells.values()) & frozenset(listing.shown)
        assert told - listing.maskable == frozenset(), listing.entity


async def test_topics_name_every_entity():
    topics = {topic for module in MODULES for topic in module.topics}
    for kind in KINDS:
        assert {f"{kind.entity}.{verb}" for verb in ("created", "deleted")} <= topics
        assert pascal(kind.entity) == kind.type
