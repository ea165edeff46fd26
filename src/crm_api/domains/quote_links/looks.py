"""How all pages for customers look, and what browsers may do with them."""

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256

from crm_api.kit.documents.languages import languages
from crm_api.kit.templates import templates_of

PACKAGE = "crm_api.domains.quote_links"


@cache
def style() -> str:
    """How all pages for customers look."""
    return templates_of(PACKAGE).get_template("page.css").render()


def _policy() -> str:
    # What is written in the page itself, and nothing else.
    digest = b64encode(sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _policy(),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


def preferred(accepted: str | None, package: str = PACKAGE) -> str:
    """The first of the languages that a browser asks for and that a package has."""
    known = languages(package)
    for part in (accepted or "")[:500].split(","):
        tag = part.partition(";")[0].strip()
        if (short := tag.split("-", maxsplit=1)[0].lower()) in known:
            return short
    return "en"
