"""How many records a list of GraphQL is asked for."""

from crm_api.kit.errors import Invalid
from crm_api.kit.query.page import MAX_LIMIT


def page_size(first: int, most: int = MAX_LIMIT) -> int:
    """How many to answer, the most there may be where more are asked for; raises `Invalid`."""
    if first < 1:
        raise Invalid.at("/first", "greater_than_equal", "At least 1 is to be asked for.")
    return min(first, most)
