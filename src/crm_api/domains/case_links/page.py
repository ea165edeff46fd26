"""The page on which a customer rates, with a form that needs no scripts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from zoneinfo import ZoneInfo

from fastapi import Request

from crm_api.domains.case_links.door import CaseDoor
from crm_api.domains.cases.schemas import CaseScore
from crm_api.kit.documents.languages import language
from crm_api.kit.errors import CrmError
from crm_api.kit.links import looks
from crm_api.kit.links.paging import fields_of, filled
from crm_api.kit.templates import templates_of

PACKAGE = "crm_api.domains.case_links"
SCORES = range(1, 6)


@dataclass(frozen=True)
class Form:
    """What a browser has sent."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read it; raises `Invalid`."""
        return cls(dict(fields_of(body)))

    async def carry_out(self, door: CaseDoor) -> None:
        """Do what it says; raises `Invalid`, and what the door does."""
        score = self.values.get("score", "")
        given: dict[str, Any] = {"score": int(score) if score in map(str, SCORES) else score}
        if self.values.get("comment"):
            given["comment"] = self.values["comment"]
        await door.rate(filled(CaseScore, given))

    def is_done_by(self, error: CrmError) -> bool:
        """Whether the same was said before, by the same link: somebody clicked twice."""
        return error.own_code == "already_rated" and bool(error.details.get("by_this_link"))


async def page_of(
    door: CaseDoor,
    request: Request,
    form: Form | None,
    error: CrmError | None,
) -> str:
    """The page, with what was given to its form and what is wrong with it."""
    found = await door.read(is_seen=form is None)
    words = language(PACKAGE, looks.preferred(request.headers.get("accept-language"), PACKAGE))
    zone = ZoneInfo(door.tx.actor.time_zone)
    return (
        templates_of(PACKAGE)
        .get_template("page.html")
        .render(
            style=looks.style(),
            tag=words.tag,
            say=words.labels,
            found=found,
            scores=[(str(n), words.labels[f"score_{n}"]) for n in reversed(SCORES)],
            until=words.day(found["expires_at"].astimezone(zone).date()),
            error=None if error is None else looks.worded(words, error),
            values={} if form is None else form.values,
        )
    )
