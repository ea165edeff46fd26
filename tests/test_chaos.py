"""What `make chaos` counts: an effect that is missing, doubled or unasked is found out."""

from collections import Counter

import pytest

from chaos_effects import Effects, effects_in, rows_of


class Database:
    """What the database holds: whom the rule was for, what it has logged, and companies."""

    def __init__(self, fired, logged, made):
        self.fired, self.logged, self.made = fired, logged, made

    async def fetch(self, sql, *args):
        if args:
            return [{"wanted": id} for id in self.fired]
        found = self.logged if "activities" in sql else self.made
        return [{"found": name} for name in found]


@pytest.mark.parametrize(
    ("found", "missing", "doubled", "unasked"),
    [
        ("ab", 0, 0, 0),
        ("a", 1, 0, 0),
        ("aab", 0, 1, 0),
        ("abc", 0, 0, 1),
        ("aac", 1, 1, 1),
    ],
)
def test_an_effect_is_there_exactly_once_or_it_is_told(found, missing, doubled, unasked):
    effects = Effects(frozenset("ab"), Counter(found))
    assert (effects.missing, effects.doubled, effects.unasked) == (missing, doubled, unasked)
    assert effects.exact is (found == "ab")


def test_where_nothing_was_to_be_done_nothing_was_shown():
    assert not Effects(frozenset(), Counter()).exact


async def test_rules_and_jobs_are_counted_each_by_itself():
    rows = [*rows_of(0), *rows_of(1)]
    good = await effects_in(Database(["p", "q"], ["q", "p"], rows), 2)
    assert [effects.exact for effects in good.values()] == [True, True]
    twice = await effects_in(Database(["p", "q"], ["q", "p", "p"], rows), 2)
    assert [effects.exact for effects in twice.values()] == [False, True]
    torn = await effects_in(Database(["p", "q"], ["q", "p"], rows[:-1]), 2)
    assert [effects.exact for effects in torn.values()] == [True, False]
    again = await effects_in(Database(["p"], ["p"], [*rows, rows[0]]), 2)
    assert [effects.exact for effects in again.values()] == [True, False]
