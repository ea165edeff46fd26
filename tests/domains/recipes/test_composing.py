"""Whatever is wished for, a draft has what it requires and nothing that clashes."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.recipes.composing import Wish, composed, reason
from crm_api.domains.recipes.goods import Good, Goods, Relation

IDS = [UUID(int=n) for n in range(1, 10)]
PAIRS = st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] != pair[1])
KINDS = st.sampled_from(["requires", "requires", "excludes", "substitute"])
RELATIONS = st.lists(st.tuples(PAIRS, KINDS), max_size=14)
BUNDLES = st.dictionaries(st.integers(0, 2), st.frozensets(st.integers(3, 8), max_size=2))
WISHES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.booleans()), max_size=9)


def goods(relations, unsold=(), bundles=None):
    products = {
        id: Good(id, f"P{place}", place not in unsold, frozenset(), frozenset(), None)
        for place, id in enumerate(IDS)
    }
    found = [Relation(IDS[one], IDS[other], kind, None) for (one, other), kind in relations]
    inner = {IDS[n]: frozenset(IDS[m] for m in ms) for n, ms in (bundles or {}).items()}
    return Goods(products, relations=found, components=inner)


def wish(place, strength=0, *, is_optional=False):
    told = reason("asked_for", "Asked for.")
    worth = Decimal(1) if is_optional else Decimal(0)
    return Wish((IDS[place], None), Decimal(1), told, strength, is_optional, worth)


def places(made):
    return [IDS.index(key[0]) for key in made.lines]


def check(made, known):
    """That it is whole: asked of the relations alone, not of what composed it."""
    there = {inner for key in made.lines for inner in known.contents(key[0])}
    for one in known.relations:
        if one.kind == "requires" and one.product_id in there:
            assert one.related_id in there
        if one.kind == "excludes":
            assert not {one.product_id, one.related_id} <= there
    assert all(known.products[key[0]].is_sold for key in made.lines)


def test_the_stronger_stays():
    """The first asks for 1, which excludes 0: what a recipe wants goes."""
    made = composed([wish(0, 2), wish(1, 0)], goods([((0, 1), "excludes")]))
    assert places(made) == [1]
    assert [one["code"] for one in made.left_out] == ["excluded"]


def test_what_is_required_comes_with_what_that_requires():
    known = goods([((0, 1), "requires"), ((1, 2), "requires")])
    made = composed([wish(0)], known)
    assert places(made) == [0, 1, 2]
    assert [line.reason["kind"] for line in made.lines.values()] == [
        "asked_for",
        "required",
        "required",
    ]


def test_nothing_is_offered_whose_requirement_is_not_sold():
    made = composed([wish(0)], goods([((0, 1), "requires")], unsold={1}))
    assert places(made) == []
    assert [(one["code"], one["by"]) for one in made.left_out] == [("required_missing", IDS[1])]


def test_another_takes_the_place_of_what_is_not_sold():
    made = composed([wish(0)], goods([((1, 0), "substitute")], unsold={0}))
    assert places(made) == [1]
    (line,) = made.lines.values()
    assert (line.reason["kind"], line.reason["product_id"]) == ("substitute", IDS[0])


def test_a_bundle_brings_what_is_required():
    """0 takes 4, which is in the bundle 1."""
    known = goods([((0, 4), "requires")], bundles={1: frozenset([4])})
    assert places(composed([wish(1), wish(0)], known)) == [1, 0]
    # The other way round it is there before the bundle.
    assert places(composed([wish(0), wish(1)], known)) == [0, 4, 1]


@given(RELATIONS, BUNDLES, st.frozensets(st.integers(0, 8), max_size=3), WISHES)
def test_no_draft_breaks_a_relation(relations, bundles, unsold, wanted):
    known = goods(relations, unsold, bundles)
    wishes = [
        wish(place, strength if not optional else 4, is_optional=optional)
        for place, strength, optional in wanted
    ]
    made = composed(wishes, known)
    check(made, known)
    # Nor does what is left of it without some of the options.
    fixed = frozenset(key for key, line in made.lines.items() if not line.is_optional)
    for key, line in made.lines.items():
        if line.is_optional:
            check(made.only(fixed | made.bundle_of(key)), known)
    check(made.only(fixed), known)
    assert composed(wishes, known) == made
