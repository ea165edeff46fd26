"""Letters, once they have arrived in the outbox of the tests."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import cast

from support.waiting import patiently


def arrived(outbox: Path, address: str) -> list[EmailMessage]:
    """What has come to an address till now."""
    files = sorted(outbox.glob("*.eml")) if outbox.exists() else []
    read = [_letter(file) for file in files]
    return [letter for to, letter in read if to == address]


@cache
def _letter(file: Path) -> tuple[str, EmailMessage]:
    """To whom a letter goes, and itself; a file is whole from its beginning, and never another."""
    letter = cast("EmailMessage", message_from_bytes(file.read_bytes(), policy=policy.default))
    return letter["to"], letter


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
