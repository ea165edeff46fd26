"""Folds a column's name so that spelling, case and punctuation do not matter."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_CAMEL: Final = re.compile(r"(?<=[a-zа-яё])(?=[A-ZА-ЯЁ])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[^\W_]+")


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case without accents: `MailingPostalCode`, `Prénom`."""
    split = _CAMEL.sub(" ", unicodedata.normalize("NFKC", name[:200]))
    plain = unicodedata.normalize("NFKD", split.casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return tuple(_WORD.findall(letters))


def folded(name: str) -> str:
    """The words of a name run together, equal for `First Name`, `first_name`, `FirstName`."""
    return "".join(words(name))
