"""When it is that something is done with a lead: after all that was done with it before."""

from datetime import datetime, timedelta

from crm_api.kit.db.tx import Tx

_LONGEST_WAIT = timedelta(minutes=1)


def go_on(tx: Tx, last: datetime) -> None:
    """Write no earlier than whoever wrote last: who waits for a lock began before that ended.

    Only as far as a lock is waited for: a clock that is wrong moves no other.
    """
    if tx.now < last < tx.now + _LONGEST_WAIT:
        tx.now = last
