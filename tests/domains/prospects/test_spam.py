"""What tells programs from people, and what does not."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from crm_api.domains.prospects.spam import judged, stamp_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEY = b"example"
FORM = uuid4()


def judge(answers, *, honeypot=None, stamp=None, form=FORM, at=NOW):
    return judged(answers, honeypot=honeypot, stamp=stamp, key=KEY, form_id=form, at=at)


@pytest.mark.parametrize(
    ("answers", "score", "reasons"),
    [
        ({"last_name": "Person", "email": "sample@example.com"}, 0, []),
        ({"description": "See https://example.com"}, 15, ["one_link"]),
        ({"description": "http://a.example www.b.example"}, 50, ["many_links"]),
        ({"website": "https://example.com"}, 0, []),
        ({"first_name": "www.example.com"}, 60, ["link_in_name"]),
        ({"description": "[url=x]y[/url]"}, 50, ["markup"]),
        ({"description": "3 < 5 and 7 > 6"}, 0, []),
        ({"first_name": "Sample", "last_name": "SAMPLE"}, 30, ["equal_names"]),
        ({"email": "a@Mailinator.com"}, 40, ["fleeting_address"]),
    ],
)
def test_reasons(answers, score, reasons):
    assert judge(answers) == (score, reasons)


def test_a_score_ends_at_a_hundred():
    answers = {"first_name": "www.example.com", "description": "<b>x</b>"}
    score, reasons = judge(answers, honeypot="1")
    assert (score, len(reasons)) == (100, 3)
    assert judge({}, honeypot="  ") == (0, [])


@pytest.mark.parametrize(
    ("seconds", "reasons"),
    [(0, ["too_fast"]), (2, ["too_fast"]), (3, []), (86_400, []), (31 * 86_400, ["false_stamp"])],
)
def test_stamps_say_how_long_it_took(seconds, reasons):
    stamp = stamp_of(KEY, FORM, NOW - timedelta(seconds=seconds))
    assert judge({}, stamp=stamp)[1] == reasons


def test_stamps_are_not_made_up():
    stamp = stamp_of(KEY, FORM, NOW - timedelta(minutes=1))
    second, _, seal = stamp.partition("-")
    for wrong in (f"{int(second) - 9}-{seal}", f"{second}-ä", "x", "-", f"{'9' * 40}-{seal}"):
        assert judge({}, stamp=wrong)[1] == ["false_stamp"]
    assert judge({}, stamp=stamp, form=uuid4())[1] == ["false_stamp"]
