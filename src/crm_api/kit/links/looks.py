"""How all pages for customers look, and what browsers may do with them."""

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256

from crm_api.kit.documents.languages import Language, language, languages
from crm_api.kit.errors import CrmError
from crm_api.kit.templates import templates_of

_PACKAGE = "crm_api.kit.links"


@cache
def style() -> str:
    """How all pages for customers look."""
    return templates_of(_PACKAGE).get_template("page.css").render()


def _policy() -> str:
    # What is written in the page itself, and nothing else.
    digest = b64encode(sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; img-src data:"
    )


HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _policy(),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


def preferred(accepted: str | None, package: str) -> str:
    """The first of the languages that a browser asks for and that a package has."""
    known = languages(package)
    for part in (accepted or "")[:500].split(","):
        tag = part.partition(";")[0].strip()
        if (short := tag.split("-", maxsplit=1)[0].lower()) in known:
            return short
    return "en"


def failure_of(package: str, accepted: str | None, error: CrmError) -> str:
    """The page that says, in the words of a package, that there is nothing to be seen."""
    words = language(package, preferred(accepted, package))
    template = templates_of(_PACKAGE).get_template("failure.html")
    return template.render(
        style=style(), tag=words.tag, say=words.labels, error=worded(words, error)
    )


def worded(words: Language, error: CrmError) -> str:
    """What is said to a customer of an error, whose own words are for programmers."""
    for name in (error.own_code, *(fault.code for fault in error.faults)):
        if f"error_{name}" in words.labels:
            return words.label(f"error_{name}")
    return words.label("error_other" if error.status != 422 else "error_invalid")
