"""What is a `traceparent`, and what begins one."""

import pytest

from crm_api.kit import traces

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01"),
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        # What a later version adds is not ours to hand on.
        (f"cc-{TRACE}-{PARENT}-01-what-comes", f"00-{TRACE}-{PARENT}-01"),
        (f"cc-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01"),
        (f"cc-{TRACE}-{PARENT}-01.what-comes", None),
        (f"00-{TRACE}-{PARENT}-01-what-comes", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE}-{PARENT}", None),
        (f"00-{TRACE}-{PARENT}-01\n", None),
        (f" 00-{TRACE}-{PARENT}-01", None),
        ("", None),
    ],
)
def test_only_what_the_standard_says_is_read(header, found):
    assert traces.read(header) == found


@pytest.mark.parametrize(
    ("by", "trace"),
    [
        (TRACE, TRACE),
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", TRACE),
        ("anything", None),
        ("0" * 32, None),
        (TRACE.upper(), None),
    ],
)
def test_the_same_begins_the_same_trace(by, trace):
    begun = traces.begun(by)
    assert traces.read(begun) == begun == traces.begun(by)
    assert begun.endswith("-00")
    assert trace is None or begun.split("-")[1] == trace
    assert traces.begun(f"{by}1").split("-")[1:3] != begun.split("-")[1:3]
