"""The page of a quote: what its document says, and forms that need no scripts."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Request

from crm_api.domains.quote_links.door import QuoteDoor
from crm_api.domains.quote_links.schemas import OfferAcceptance, OfferQuestion, OfferRefusal
from crm_api.domains.quotes.choosing import options_of
from crm_api.domains.quotes.letterhead import content_type_of, logo_of
from crm_api.domains.quotes.printing import proposal_of
from crm_api.kit.documents.languages import Language, language, languages
from crm_api.kit.documents.pictures import Picture
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.links.looks import style, worded
from crm_api.kit.links.paging import fields_of, filled
from crm_api.kit.templates import templates_of
from crm_api.platform.proposals.printing import printed

PACKAGE = "crm_api.domains.quote_links"
Options = list[UUID] | None
_MOST_FIELDS = 600
_SHAPES = {"accept": OfferAcceptance, "decline": OfferRefusal, "ask": OfferQuestion}
_REVISED = frozenset({"accept", "decline"})


def chosen_in(given: Sequence[tuple[str, str]]) -> Options:
    """The options that a query or a form names; None where it is about none."""
    if not any(name == "chosen" for name, _ in given):
        return None
    found: list[UUID] = []
    for name, value in given:
        if name.partition("-")[0] == "option" and value:
            try:
                found.append(UUID(value))
            except ValueError:
                at = f"/selected/{len(found)}"
                raise Invalid.at(at, "unknown_option", "There is no such option.") from None
    return found


@dataclass(frozen=True)
class Form:
    """What a browser has sent."""

    do: str
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    options: Options = None

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read it; raises `Invalid`."""
        given = fields_of(body, _MOST_FIELDS)
        values = dict(given)
        do = values.get("do", "")
        if do not in _SHAPES:
            raise Invalid.at("/do", "unknown_action", "The form says nothing that can be done.")
        return cls(do, values, chosen_in(given))

    async def carry_out(self, door: QuoteDoor) -> None:
        """Do what it says; raises `Invalid`, and what the door does."""
        shape = _SHAPES[self.do]
        given: dict[str, Any] = {
            name: value
            for name in shape.model_fields
            if (value := self.values.get(name)) and name != "selected"
        }
        if self.do == "accept" and self.options is not None:
            given["selected"] = self.options
        if self.do in _REVISED:
            given["revision"] = self._revision()
        await getattr(door, self.do)(filled(shape, given))

    def _revision(self) -> int:
        text = self.values.get("revision", "")
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise Invalid.at("/revision", "missing", "The form does not say which version.")
        return int(text)

    def is_done_by(self, error: CrmError) -> bool:
        """Whether the same was said before, by the same link: somebody clicked twice."""
        same = {"accept": "already_accepted", "decline": "already_declined"}.get(self.do)
        return error.own_code == same and bool(error.details.get("by_this_link"))


async def page_of(
    door: QuoteDoor, request: Request, form: Form | None, error: CrmError | None
) -> str:
    """The page, with what was given to a form and what is wrong with it."""
    if form is None:
        asked = chosen_in(request.query_params.multi_items())
        shown = await door.printed("page", asked)
    else:
        asked, shown = await _again(door, form)
    found, content, customer = shown
    words = language(PACKAGE, content["language"])
    zone = ZoneInfo(door.tx.actor.time_zone)
    sheet = printed(proposal_of(content, customer))
    _with_options(sheet, content)
    logo = await logo_of(door.tx, content)
    template = templates_of(PACKAGE).get_template("page.html")
    return template.render(
        style=style(),
        tag=_spoken(words),
        say=words.labels,
        sheet=sheet,
        logo=None if logo is None else _written(logo),
        quote=found,
        state=_state(found, words, zone),
        until=words.day(found["expires_at"].astimezone(zone).date()),
        choosing=found["can_choose"] and found["can_accept"],
        chosen=[] if asked is None else [str(id) for id in found["selected"]],
        has_chosen=asked is not None,
        error=None if error is None else worded(words, error),
        wrong=set[str]() if error is None else {f.pointer for f in error.faults},
        form=form,
        given={} if form is None else form.values,
    )


def _written(logo: Picture) -> str:
    """A picture as an address that holds all of it: nothing else is fetched."""
    return f"data:{content_type_of(logo)};base64,{b64encode(logo.content).decode()}"


async def _again(door: QuoteDoor, form: Form) -> tuple[Options, Any]:
    try:
        return form.options, await door.printed(None, form.options)
    except CrmError:
        # The options are what is wrong.
        return None, await door.printed(None, None)


def _with_options(sheet: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Say of each printed item which line it is, and how it is chosen if it is an option."""
    options = set(options_of(content))
    kinds = {one["key"]: one["kind"] for one in content["sections"]}
    groups: dict[str | None, list[Any]] = {}
    for line in content["lines"]:
        groups.setdefault(line["section"], []).append(line)
    keys = [key for key in (None, *kinds) if key in groups]
    for number, (key, section) in enumerate(zip(keys, sheet["sections"], strict=True)):
        for line, item in zip(groups[key], section["items"], strict=True):
            item["option"] = line["id"] if line["id"] in options else None
            item["counts"] = line["counts"]
            item["group"] = f"option-{number}" if kinds.get(key or "") == "alternatives" else None


def _state(found: Mapping[str, Any], words: Language, zone: ZoneInfo) -> dict[str, Any] | None:
    """What there is to say before anything else: that it was accepted, or cannot be."""
    status = found["status"]
    if status in {"accepted", "declined"}:
        day = words.day(found["decided_at"].astimezone(zone).date())
        return {"kind": status, "text": words.label(f"is_{status}", day=day)}
    if status in {"expired", "withdrawn"}:
        return {"kind": "over", "text": words.label(f"is_{status}")}
    if not found["can_decline"]:
        return {"kind": "over", "text": words.label("is_revised")}
    if found["blockers"]:
        return {"kind": "over", "text": words.label("is_expired")}
    return None


def _spoken(words: Language) -> str:
    """The language that the page itself is in: English where its wording is missing."""
    known, short = languages(PACKAGE), words.tag.split("-", maxsplit=1)[0].lower()
    return words.tag if words.tag.lower() in known or short in known else "en"
