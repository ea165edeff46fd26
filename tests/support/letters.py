"""Letters, once they have arrived in the outbox of the tests."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from support.waiting import patiently


def arrived(outbox: Path, address: str) -> list[EmailMessage]:
    """What has come to an address till now."""
    files = sorted(outbox.glob("*.eml")) if outbox.exists() else []
    read = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [cast("EmailMessage", letter) for letter in read if letter["to"] == address]


async def letters_to(outbox: Path, address: str, count: int) -> list[EmailMessage]:
    """What has come to an address, once it is so much; takes a worker."""
    async for _ in patiently():
        if len(arrived(outbox, address)) >= count:
            break
    found = arrived(outbox, address)
    assert len(found) == count, [str(letter) for letter in found]
    return found


def token_in(letter: EmailMessage) -> str:
    """The token of a letter's link."""
    found = re.search(r"#token=(\S+)", letter.get_content())
    assert found is not None, letter.get_content()
    return found[1]
