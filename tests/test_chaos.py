"""What `make chaos` counts: an effect that is missing, doubled or unasked is found out."""

import asyncio
from collections import Counter

import pytest

from chaos_effects import ROWS, RULED, Effects, effects_in, make_rule, rows_of, start_import
from crm_api import worker as job_worker
from support.waiting import patiently


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


async def test_what_was_asked_for_is_counted_where_it_is_done(own_database):
    """The rule and an import of chaos, and what its count says of a row too few or too many."""
    client = await own_database.client(await own_database.org())

    async def ask(method, path, **options):
        answer = await client.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    settings, stop = own_database.app.state.services.settings, asyncio.Event()
    running = asyncio.create_task(job_worker.run(settings, stop=stop))
    await make_rule(ask)
    for name in (RULED, "Plain", RULED):
        await client.made("contacts", {"first_name": name, "last_name": "Person"})
    await start_import(ask, 0)
    async for _ in patiently():
        found = await effects_in(own_database.owner, 1)
        if not any(effects.missing for effects in found.values()):
            break
    stop.set()
    await running
    found = await effects_in(own_database.owner, 1)
    assert [len(effects.wanted) for effects in found.values()] == [2, ROWS]
    assert all(effects.exact for effects in found.values())
    await own_database.owner.execute(
        "UPDATE activities SET subject = (SELECT min(subject) FROM activities)"
    )
    await own_database.owner.execute("UPDATE companies SET name = 'Row 0 1' WHERE name = 'Row 0 0'")
    found = await effects_in(own_database.owner, 1)
    assert [(e.missing, e.doubled) for e in found.values()] == [(1, 1), (1, 1)]
