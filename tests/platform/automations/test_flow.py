"""The way through the steps of a rule."""

from crm_api.platform.automations.flow import after, first, into, pointer_of, step_at

STEPS = [
    {"n": 1},
    {
        "n": 2,
        "then": [{"n": 3}, {"n": 4, "then": [], "else": [{"n": 5}]}],
        "else": [{"n": 6}],
    },
    {"n": 7},
]


def walked(*arms):
    """The numbers of the steps on the way, which goes into these arms in turn."""
    chosen, found = iter(arms), []
    way = first(STEPS)
    while way is not None:
        step = step_at(STEPS, way)
        found.append(step["n"])
        way = into(STEPS, way, next(chosen)) if "then" in step else after(STEPS, way)
    return found


def test_every_way_comes_to_the_end():
    assert walked("then", "then") == [1, 2, 3, 4, 7]
    assert walked("then", "else") == [1, 2, 3, 4, 5, 7]
    assert walked("else") == [1, 2, 6, 7]
    assert first([]) is None


def test_a_way_is_a_pointer():
    way = into(STEPS, (1,), "then")
    assert pointer_of(after(STEPS, way)) == "/steps/1/then/1"
