"""The pages of forms, which need no scripts: what is asked for, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from fastapi import Request

from crm_api.domains.prospects.answering import code_in
from crm_api.domains.prospects.doors import ConfirmDoor, FormDoor
from crm_api.domains.prospects.form_schemas import FormSubmission
from crm_api.domains.prospects.words import PACKAGE, labelled
from crm_api.kit.documents.languages import Language, language
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.links.looks import preferred, style, worded
from crm_api.kit.links.paging import fields_of, filled
from crm_api.kit.templates import templates_of
from crm_api.kit.values.errors import BadValue

_MOST_FIELDS = 90
_LONGEST, _LONGEST_NAME = 500, 60
_HIDDEN = ("campaign", "medium", "referrer")
_UTM = "utm_"


@dataclass(frozen=True)
class SentAnswers:
    """What a browser has sent by a form, from its page or from somebody else's."""

    values: Mapping[str, str]
    ticked: Sequence[str]

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read it; raises `Invalid`."""
        pairs = fields_of(body, _MOST_FIELDS)
        ticked = [value for name, value in pairs if name == "consent"]
        return cls({name: value for name, value in pairs if name != "consent"}, ticked)

    async def carry_out(self, door: FormDoor) -> str:
        """Send it; returns the page that says so."""
        form = await door.form()
        keys = {field["key"] for field in form.fields}
        given: dict[str, Any] = {
            "answers": {name: self.values[name] for name in keys & self.values.keys()},
            "consents": self.ticked,
            "utm": _utm(self.values),
            **{n: self.values[n] for n in (*_HIDDEN, "stamp", "fax") if self.values.get(n)},
            "medium": _code(self.values.get("medium")),
        }
        done = await door.submit(filled(FormSubmission, given), self.values.get("language"))
        return f"page?sent={done['next']}"

    def is_done_by(self, error: CrmError) -> bool:
        """Nothing was: whoever sends twice sends two."""
        del error
        return False


@dataclass(frozen=True)
class Confirmation:
    """That somebody has confirmed."""

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read it; raises `Invalid`."""
        if dict(fields_of(body)).get("do") != "confirm":
            raise Invalid.at("/do", "unknown_action", "The form says nothing that can be done.")
        return cls()

    async def carry_out(self, door: ConfirmDoor) -> None:
        """Do it; raises `Ended`."""
        await door.confirm()

    def is_done_by(self, error: CrmError) -> bool:
        """Who does it twice is not told of an error anyway."""
        del error
        return False


async def page_of(
    door: FormDoor, request: Request, form: SentAnswers | None, error: CrmError | None
) -> str:
    """The page of a form, or the one that says that it was sent."""
    found = await door.read()
    words = _words(found["language"], request)
    done = request.query_params.get("sent") if form is None else None
    if done in {"done", "confirm"}:
        record = await door.form()
        thanks = record.thank_you or words.label("thanks")
        said = words.label("check_mail") if done == "confirm" else thanks
        onward = record.redirect_url if done == "done" else None
        return _rendered("sent.html", words, None, found=found, said=said, onward=onward)
    values = form.values if form is not None else _from_address(request)
    faults = error.faults if error is not None else ()
    wrong = {fault.pointer.rpartition("/")[2] for fault in faults if fault.pointer}
    hidden = [(n, values[n]) for n in values if n in _HIDDEN or n.startswith(_UTM)]
    hidden.append(("language", words.tag))
    return _rendered(
        "form.html",
        words,
        error,
        found=found,
        fields=[labelled(field, words) for field in found["fields"]],
        values=values,
        ticked=() if form is None else form.ticked,
        hidden=hidden,
        wrong=wrong,
    )


async def confirmation_of(
    door: ConfirmDoor, request: Request, form: Confirmation | None, error: CrmError | None
) -> str:
    """The page on which it is confirmed."""
    del form
    found = await door.read()
    words = _words(None, request)
    if found["is_confirmed"]:
        said = found["thank_you"] or words.label("confirmed")
        onward = found["redirect_url"]
        return _rendered("sent.html", words, None, found=found, said=said, onward=onward)
    return _rendered("confirm.html", words, error, found=found)


def _words(tag: str | None, request: Request) -> Language:
    accepted = tag or request.headers.get("accept-language")
    return language(PACKAGE, preferred(accepted, PACKAGE))


def _from_address(request: Request) -> dict[str, str]:
    """What the address of the page says of how one came there, and what fills the form in."""
    params = {n: v[:_LONGEST] for n, v in request.query_params.items() if n != "sent" and v}
    if "referrer" not in params and (came := request.headers.get("referer")):
        params["referrer"] = came[:_LONGEST]
    return params


def _utm(values: Mapping[str, str]) -> dict[str, str]:
    found = {n.removeprefix(_UTM): v for n, v in values.items() if n.startswith(_UTM) and v}
    return {n: value for n, value in list(found.items())[:20] if 0 < len(n) <= _LONGEST_NAME}


def _code(said: str | None) -> str | None:
    """What an address says, as a code: whoever fills the form in has not written it."""
    try:
        return code_in(said) if said else None
    except BadValue:
        return None


def _rendered(name: str, words: Language, error: CrmError | None, **given: Any) -> str:
    return (
        templates_of(PACKAGE)
        .get_template(name)
        .render(
            style=style(),
            tag=words.tag,
            say=words.labels,
            error=None if error is None else worded(words, error),
            **given,
        )
    )
