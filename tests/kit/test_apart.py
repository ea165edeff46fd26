"""One that is broken keeps no other waiting; what nobody can do is not tried with each."""

import pytest

from crm_api.kit.apart import Apart, Stumbled
from crm_api.kit.errors import Conflict, Unavailable


async def work(error=None):
    if error is not None:
        raise error


async def test_what_is_refused_is_nothing_wrong():
    apart = Apart()
    await apart.do("one", work(Conflict("Not now.")))
    await apart.do("other", work())
    apart.end()


async def test_the_broken_ones_are_told_in_the_end():
    apart = Apart()
    for number in range(20):
        await apart.do(f"record {number}", work(ValueError("odd") if number % 2 else None))
    with pytest.raises(Stumbled, match=r"^10 skipped, the first one record 1: ValueError odd$"):
        apart.end()


@pytest.mark.parametrize("error", [Unavailable("Busy."), ConnectionRefusedError("gone")])
async def test_an_outage_ends_it(error):
    apart = Apart()
    for _ in range(4):
        await apart.do("one", work(error))
    await apart.do("one", work())
    for _ in range(4):
        await apart.do("one", work(error))
    with pytest.raises(type(error)):
        await apart.do("one", work(error))
