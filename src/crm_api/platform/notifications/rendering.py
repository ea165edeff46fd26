"""What is sent of notifications: letters of one or many, and short messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.kit.mail import Letter
from crm_api.kit.templates import language_of, templates_of

_PACKAGE = "crm_api.platform.notifications"
LONGEST = 300
"""Two or three SMS; what is longer goes on in the inbox."""


def letter_of(
    id: str,
    reader: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
    *,
    unsubscribe: str,
) -> Letter:
    """A letter as text and as HTML, which can be unsubscribed from by one click."""
    language = language_of(reader["language"])
    given = {"items": items, "organization": reader["organization"], "unsubscribe": unsubscribe}
    templates = templates_of(_PACKAGE)
    text = templates.get_template(f"digest.{language}.txt").render(**given)
    subject, _, body = text.partition("\n")
    return Letter(
        id,
        reader["email"],
        subject.strip(),
        body.strip() + "\n",
        html=templates.get_template(f"digest.{language}.html").render(**given),
        headers={
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )


def line_of(items: Sequence[Mapping[str, Any]]) -> str:
    """A short message: the last of some notifications, and how many more there are."""
    more = f" (+{len(items) - 1})" if len(items) > 1 else ""
    title = items[-1]["title"]
    room = LONGEST - len(more)
    return (title if len(title) <= room else title[: room - 1] + "…") + more


def page_of(language: str, *, done: bool) -> str:
    """The page that asks whether somebody wants no more letters, or says that they get none."""
    name = f"unsubscribe.{language_of(language)}.html"
    return templates_of(_PACKAGE).get_template(name).render(done=done)
