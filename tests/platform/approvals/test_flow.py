"""When enough have agreed: arithmetic, without a database."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from crm_api.platform.approvals.flow import agreed, begun, decision, has_agreed, needed, with_step

A, B, C, D = (UUID(int=n) for n in range(1, 5))
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def step(rule, *asked, count=None, escalated=()):
    spec = {"name": "One", "rule": rule, "count": count}
    users = {"user_ids": list(map(str, asked)), "escalated_to": list(map(str, escalated))}
    return {**begun([spec])[0], **users}


def yes(user, principal=None, place=0):
    return decision(place, "approved", user, NOW, principal=principal)


@pytest.mark.parametrize(
    ("step", "decisions", "enough"),
    [
        (step("any", A, B), [], False),
        (step("any", A, B), [yes(B)], True),
        (step("any", A), [yes(A, place=1)], False),
        (step("any", A), [decision(0, "reassigned", A, NOW, to=B)], False),
        (step("all", A, B), [yes(A)], False),
        (step("all", A, B), [yes(A), yes(B)], True),
        # One person for two who are asked: each of them has been heard.
        (step("all", A, B), [yes(C, A), yes(C, B)], True),
        (step("all"), [], False),
        (step("count", A, B, C, count=2), [yes(A)], False),
        (step("count", A, B, C, count=2), [yes(A), yes(D, B)], True),
        # But not where so many people are to agree.
        (step("count", A, B, C, count=2), [yes(A), yes(A, B)], False),
        (step("all", A, B, escalated=[D]), [yes(A)], False),
        (step("all", A, B, escalated=[D]), [yes(D)], True),
        (step("count", A, B, count=2, escalated=[D]), [yes(C, D)], True),
        # Whoever was replaced since does not count.
        (step("count", B, C, count=2), [yes(A), yes(B)], False),
    ],
)
def test_enough_have_agreed(step, decisions, enough):
    assert agreed(step, 0, decisions) is enough


def test_what_it_takes_and_who_has_spoken():
    assert [needed(step("any", A, B)), needed(step("all", A, B)), needed(step("all"))] == [1, 2, 1]
    assert needed(step("count", A, count=3)) == 3
    assert has_agreed(0, [yes(A, B)], A)
    assert not has_agreed(0, [yes(A, B)], B)
    assert not has_agreed(1, [yes(A)], A)


def test_only_the_step_in_question_changes():
    steps = begun([{"name": "One"}, {"name": "Two"}])
    after = with_step(steps, 1, status="pending")
    assert [one["status"] for one in after] == ["waiting", "pending"]
    assert [one["status"] for one in steps] == ["waiting", "waiting"]
