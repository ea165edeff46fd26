"""Requirements that share candidates, against all ways there are."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.scheduling.matching import matched

_SHORT = st.lists(st.integers(0, 5), unique=True, max_size=5)
_WANTED = st.lists(st.tuples(st.integers(1, 2), _SHORT), min_size=1, max_size=3)


def _possible(wanted, must):
    """Whether any assignment fulfils these, found by trying all of them."""
    places = [set(candidates) for quantity, candidates in wanted for _ in range(quantity)]
    return any(
        set(must) <= set(one) and all(who in place for who, place in zip(one, places, strict=True))
        for one in permutations(range(6), len(places))
    )


@given(_WANTED, st.sets(st.integers(0, 5), max_size=3))
def test_it_is_found_where_there_is_one(wanted, must):
    found = matched(wanted, must)
    assert (found is not None) == _possible(wanted, must)
    if found is not None:
        everyone = [one for own in found for one in own]
        assert len(set(everyone)) == len(everyone)
        assert set(must) <= set(everyone)
        for (quantity, candidates), own in zip(wanted, found, strict=True):
            assert len(own) == quantity
            assert set(own) <= set(candidates)


def test_the_best_are_taken():
    assert matched([(2, [3, 1, 2])]) == [[3, 1]]
    assert matched([(1, [1, 2]), (1, [1])]) == [[2], [1]]
    assert matched([(1, [1, 2, 3])], [3]) == [[3]]
