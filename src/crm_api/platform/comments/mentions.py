"""Mentions in the words of a comment: `@[user:<id>]` and `@[team:<id>]`."""

import re
from collections.abc import Sequence
from uuid import UUID

from crm_api.kit.errors import Fault, Invalid

MOST = 50
_MENTION = re.compile(r"@\[([^\]\s:]{1,20}):([^\]\s]{1,60})\]")
_KINDS = ("user", "team")


def mentions_in(body: str) -> list[str]:
    """Whom a text mentions, once each, in its order; raises `Invalid` for what names nobody."""
    found: dict[str, None] = {}
    faults: list[Fault] = []
    for kind, id in _MENTION.findall(body):
        try:
            named = UUID(id)
        except ValueError:
            named = None
        if kind not in _KINDS or named is None:
            message = f"@[{kind}:{id}] is neither @[user:<id>] nor @[team:<id>]."
            faults.append(Fault("invalid_mention", message, pointer="/body"))
        else:
            found[f"{kind}:{named}"] = None
    if len(found) > MOST:
        message = f"A comment mentions {MOST} at most."
        faults.append(Fault("too_many_mentions", message, pointer="/body"))
    if faults:
        raise Invalid(faults[0].message, faults=faults[:20])
    return list(found)


def ids_of(mentions: Sequence[str], kind: str) -> list[UUID]:
    """The ids of the users, or of the teams, among some mentions."""
    pairs = (mention.partition(":") for mention in mentions)
    return [UUID(id) for of, _, id in pairs if of == kind]


def unknown(mentions: Sequence[str], known: set[str]) -> None:
    """Raise `Invalid` where a mention names nobody of the organization."""
    faults = [
        Fault("unknown_reference", f"There is no {mention}.", pointer="/body")
        for mention in mentions
        if mention not in known
    ]
    if faults:
        raise Invalid("Somebody who is mentioned does not exist.", faults=faults[:20])
