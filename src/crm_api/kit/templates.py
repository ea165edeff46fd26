"""Texts that are filled in, in the languages that the product writes to people in."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

LANGUAGES = ("en", "de", "ru")
"""The first one stands in for those that are missing."""


def language_of(tag: str | None) -> str:
    """The language that a reader of some language is written to in."""
    wanted = (tag or "").split("-", maxsplit=1)[0].lower()
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


@cache
def templates_of(package: str) -> Environment:
    """The templates of a package; what is filled into those named `.html` is escaped."""
    return Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
