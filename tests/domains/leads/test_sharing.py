"""Choices by arrays are those of a desk, one at a time; the best assignment is that of others."""

from collections import Counter
from dataclasses import replace
from random import Random
from uuid import UUID

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from crm_api.domains.leads.choosing import (
    Candidate,
    Fitting,
    highest,
    misfit,
    next_by_load,
    raised,
    spent,
)
from crm_api.domains.leads.optimal import assigned
from crm_api.domains.leads.sharing import (
    Choice,
    Seats,
    Sharable,
    Sharing,
    candidates_of,
    room_of,
)
from crm_api.domains.leads.values import AFFINITY, PRIOR, Values

ANYBODY = {
    "open_cap": None,
    "daily_cap": None,
    **{
        name: []
        for name in (
            *("skills", "languages", "countries", "regions", "industries", "postal_prefixes"),
        )
    },
}


def uuid(number):
    return UUID(int=number)


def lead_of(number, **more):
    values = {
        "score": None,
        "skills": [],
        **dict.fromkeys(("language", "country", "region", "industry", "postal_code")),
    }
    return Sharable(id=uuid(number), version=1, **{**values, **more})


def some(random, values, most=2):
    return random.sample(values, random.randrange(most + 1))


def members_of(random, count):
    return [
        {
            "open_cap": random.choice([None, None, 0, 3, 12]),
            "daily_cap": random.choice([None, None, 2, 9]),
            "weekly_cap": random.choice([None, None, 4, 15]),
            "skills": some(random, ["Law", "welding", "Tax"]),
            "languages": some(random, ["de", "fr", "de-CH"]),
            "countries": some(random, ["DE", "AT"]),
            "regions": some(random, ["North", "South"], 1),
            "industries": some(random, ["bank", "shop"]),
            "postal_prefixes": some(random, ["1", "10", "8 0"]),
        }
        for _ in range(count)
    ]


def any_lead(random, number):
    return lead_of(
        number,
        skills=some(random, ["law", "Welding"], 1),
        language=random.choice([None, "de", "de-AT", "fr"]),
        country=random.choice([None, "DE", "AT", "FR"]),
        region=random.choice([None, "north", "East"]),
        industry=random.choice([None, "bank", "farm"]),
        postal_code=random.choice([None, "10 115", "80331", "99"]),
    )


def seats_of(random, strategy, count, first=0):
    candidates = [
        Candidate(
            uuid(1_000 + first + n),
            random.randint(1, 4),
            open=random.randrange(3),
            today=(today := random.randrange(2)),
            week=today + random.randrange(2),
        )
        for n in range(count)
    ]
    words = [random.choice([None] * 5 + ["absent", "off_shift"]) for _ in range(count)]
    gone = [random.choice([None] * 7 + ["inactive"]) for _ in range(count)]
    return Seats(
        uuid(first), strategy, members_of(random, count), candidates, 0, before=gone, after=words
    )


def against(seats, place, known, lead, had):
    member = seats.members[place]
    if seats.before[place]:
        return "inactive"
    if known.user_id in had:
        return "had_it"
    if (word := misfit(member, lead)) is not None:
        return word
    if member["open_cap"] is not None and known.open >= member["open_cap"]:
        return "open_cap"
    if member["daily_cap"] is not None and known.today >= member["daily_cap"]:
        return "daily_cap"
    if member.get("weekly_cap") is not None and known.week >= member["weekly_cap"]:
        return "weekly_cap"
    return seats.after[place]


class OneByOne:
    """The arithmetic of single choices."""

    def __init__(self, chain):
        self.chain = chain
        self.known = [list(seats.candidates) for seats in chain]
        self.turns = [0] * len(chain)

    def pick(self, lead, had):
        looked_at = []
        for number, seats in enumerate(self.chain):
            candidates = [
                replace(c, excluded=against(seats, place, c, lead, had))
                for place, c in enumerate(self.known[number])
            ]
            if seats.strategy == "round_robin":
                candidates = raised(candidates)
                chosen = highest(candidates)
            else:
                chosen = next_by_load(candidates)
            by_credit = seats.strategy == "round_robin"
            weekly = any(m.get("weekly_cap") is not None for m in seats.members)
            looked_at += [
                (
                    *(c.user_id, c.excluded, c.credit if by_credit else 0, c.open, c.today),
                    c.week if weekly else None,
                )
                for c in candidates
            ]
            if chosen is not None:
                self.turns[number] += 1
                self.known[number] = spent(candidates, chosen, self.turns[number])
                return (seats.pool_id, chosen.user_id), looked_at
        return None, looked_at


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded"])
@pytest.mark.parametrize("seed", range(12))
def test_arrays_choose_as_one_at_a_time_does_and_know_why(strategy, seed):
    random = Random(seed)
    chain = [
        seats_of(random, strategy, random.randint(1, 7)),
        seats_of(random, "round_robin", 3, 100),
    ]
    sharing, single = Sharing(chain), OneByOne(chain)
    users = [c.user_id for seats in chain for c in seats.candidates]
    found = []
    for number in range(150):
        lead = any_lead(random, number)
        had = random.sample(users, 2) if random.random() < 0.2 else []
        choice = sharing.pick(lead, had)
        expected, looked_at = single.pick(lead, had)
        found.append((choice, looked_at))
        seats = chain[choice.pool]
        chosen = (
            None
            if choice.place is None
            else (seats.pool_id, seats.candidates[choice.place].user_id)
        )
        assert chosen == expected
    kept = sharing.told([choice for choice, _ in found])
    names = ("credit", "open", "today", "week")
    for nth, (choice, looked_at) in enumerate(found):
        told = candidates_of(kept, choice.ground, nth)
        assert [
            (UUID(one["user_id"]), one["excluded"], *(one[name] for name in names)) for one in told
        ] == looked_at
        told = candidates_of(sharing.told(), choice.ground)
        assert [(UUID(one["user_id"]), one["excluded"]) for one in told] == [
            one[:2] for one in looked_at
        ]
        assert {one[name] for one in told for name in names} == {None}


def test_equal_weights_are_within_one_of_each_other_at_every_moment():
    members = [Candidate(uuid(n), 1) for n in range(7)]
    sharing = Sharing(
        [Seats(uuid(99), "round_robin", [ANYBODY] * 7, members, 0, [None] * 7, [None] * 7)]
    )
    counts = Counter(range(7))
    for number in range(100):
        counts[sharing.pick(lead_of(number)).place] += 1
        assert max(counts.values()) - min(counts.values()) <= 1


def test_leads_of_one_key_fit_the_same_members():
    random = Random(5)
    for _ in range(40):
        members = members_of(random, 4)
        fitting, known = Fitting.of(members), {}
        for number in range(60):
            lead = any_lead(random, number)
            fits = [misfit(member, lead) for member in members]
            assert known.setdefault(fitting.key(lead), fits) == fits


def best(seats, leads, values, share):
    """The most that can be given by these parts, and the highest value of that, by scipy."""
    takers = [
        place
        for place, known in enumerate(seats.candidates)
        for _ in range(min(share[place], room_of(seats.members[place], known), len(leads)))
    ]
    if not takers:
        return 0, 0
    never = -1e9
    worth = np.full((len(leads), len(takers)), never)
    for row, lead in enumerate(leads):
        for column, place in enumerate(takers):
            if against(seats, place, seats.candidates[place], lead, ()) is None:
                # To give one more is better than any value.
                worth[row, column] = 1e7 + values.of_lead(lead)[place]
    rows, columns = linear_sum_assignment(worth, maximize=True)
    sums = [worth[row, column] for row, column in zip(rows, columns, strict=True)]
    given = [one for one in sums if one > 0]
    return len(given), round(sum(given) - 1e7 * len(given))


@pytest.mark.parametrize("seed", range(25))
def test_the_optimal_assignment_is_that_of_linear_sum_assignment(seed):
    random = Random(seed)
    seats = seats_of(random, "round_robin", random.randint(2, 6))
    leads = [
        any_lead(random, n)._replace(score=random.choice([None, *range(0, 101, 10)]))
        for n in range(random.randint(5, 40))
    ]
    users = [c.user_id for c in seats.candidates]
    past = {
        (user, industry): (won, won + random.randrange(20))
        for user in users
        for industry in (None, "bank", "farm")
        for won in [random.randrange(20)]
    }
    owners = {lead.id: random.choice(users) for lead in random.sample(leads, 3)}
    values = Values(users, past, owners)
    choices = assigned(Sharing([seats]), leads, {}, values)
    able = [
        any(against(seats, place, c, lead, ()) is None for lead in leads)
        for place, c in enumerate(seats.candidates)
    ]
    total = sum(c.weight for c, is_able in zip(seats.candidates, able, strict=True) if is_able)
    given = [
        (lead, one.place) for lead, one in zip(leads, choices, strict=True) if one.place is not None
    ]
    worth = sum(values.of_lead(lead)[place] for lead, place in given)
    found = []
    for times in (1, 2, 4, 10_000):
        share = [-(-len(leads) * times * c.weight // max(total, 1)) for c in seats.candidates]
        found.append(best(seats, leads, values, share))
        if found[-1][0] == len(leads):
            break
    assert (len(given), worth) == found[-1]
    counts = Counter(place for _, place in given)
    for place, count in counts.items():
        assert count <= room_of(seats.members[place], seats.candidates[place])
    for lead, place in given:
        assert against(seats, place, seats.candidates[place], lead, ()) is None


def test_what_the_first_pool_cannot_have_goes_to_the_next():
    full = {**ANYBODY, "open_cap": 2}
    chain = [
        Seats(uuid(1), "round_robin", [full], [Candidate(uuid(10), 1)], 0, [None], [None]),
        Seats(uuid(2), "round_robin", [ANYBODY], [Candidate(uuid(20), 1)], 0, [None], [None]),
    ]
    leads = [lead_of(n, score=n) for n in range(5)]
    sharing = Sharing(chain)
    choices = assigned(sharing, leads, {}, Values([uuid(10)], {}, {}))
    assert Counter(one.pool for one in choices) == {0: 2, 1: 3}
    # The best are the first one's.
    assert [one.pool for one in choices] == [1, 1, 1, 0, 0]
    told = candidates_of(sharing.told(), choices[0].ground)
    assert [(one["user_id"], one["excluded"]) for one in told] == [
        (str(uuid(10)), "open_cap"),
        (str(uuid(20)), None),
    ]
    assert assigned(Sharing([]), leads, {}, Values([], {}, {})) == [Choice(0, None, 0)] * 5


def test_a_lead_is_worth_more_with_whoever_converts_such_or_has_the_company():
    one, other = uuid(1), uuid(2)
    values = Values(
        [one, other],
        {(one, "bank"): (30, 40), (other, "bank"): (10, 40), (other, "farm"): (40, 40)},
        {uuid(7): other},
    )
    by_bank = values.of_lead(lead_of(1, industry="bank", score=50))
    assert by_bank[0] > by_bank[1]
    by_farm = values.of_lead(lead_of(2, industry="farm", score=50))
    assert by_farm[1] > by_farm[0]
    unowned, owned = (values.of_lead(lead_of(n, industry="shop", score=50)) for n in (3, 7))
    assert owned[1] == pytest.approx(AFFINITY * unowned[1], abs=2)
    assert owned[0] == unowned[0]
    of_all = 81 / 122
    of_one = (30 + PRIOR * of_all) / (40 + PRIOR)
    assert by_bank[0] == round(51_000 * (30 + PRIOR * of_one) / (40 + PRIOR))
