"""Texts of letters: one template for each kind and language."""

from collections.abc import Mapping

from jinja2 import TemplateNotFound

from crm_api.kit.templates import LANGUAGES, language_of, templates_of

_PACKAGE = "crm_api.platform.mail"


def rendered(template: str, language: str, values: Mapping[str, object]) -> tuple[str, str]:
    """Subject and text: the first line of a template, and what follows."""
    name = f"{template}.{language_of(language)}.txt"
    text = templates_of(_PACKAGE).get_template(name).render(**values)
    subject, _, body = text.partition("\n")
    return subject.strip(), body.strip() + "\n"


def exists(template: str) -> bool:
    """Whether there is such a letter, in every language."""
    try:
        for language in LANGUAGES:
            templates_of(_PACKAGE).get_template(f"{template}.{language}.txt")
    except TemplateNotFound:
        return False
    return True
