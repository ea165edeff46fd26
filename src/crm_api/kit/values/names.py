"""Keys that put names in dictionary order and find them by any usual spelling."""

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

_LONGEST_KEY = 200
_LONGEST_WORD = 60

# Letters that Unicode does not take apart.
_LATIN = {
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i",
    "ĸ": "k", "ŋ": "n", "ŧ": "t", "ə": "e", "ƒ": "f",
}  # fmt: skip
# Alphabets of Russian, Ukrainian, Belarusian, Serbian, Macedonian and Kazakh merged: each letter
# follows the base letter it stands after. Ukrainian "и і ї й" fixes the order of that group.
_CYRILLIC_AFTER = {
    "а": "ә", "г": "ґғ", "д": "ђѓ", "е": "є", "з": "ѕ", "и": "іїйј", "к": "қ", "л": "љ",
    "н": "ңњ", "о": "ө", "т": "ћќ", "у": "ўұү", "х": "һ", "ч": "џ",
}  # fmt: skip
# Above every letter of the alphabets above, so "и" + rank sorts after all words in "и".
_RANKS = "\u04fb\u04fc\u04fd\u04fe\u04ff"
_CYRILLIC_SORT = {
    letter: base + _RANKS[place]
    for base, letters in _CYRILLIC_AFTER.items()
    for place, letter in enumerate(letters)
}
_CYRILLIC_SEARCH = {letter: letter for letter in "йїўѓќ"}
_APOSTROPHES = frozenset("'`´‘’‛′ʹʻʼʽ")
# Nukta, kana voicing and virama change the letter; other marks only colour it.
_LETTER_MARKS = frozenset({0, 7, 8, 9})

_ASCII_WORD = re.compile(r"[a-z0-9']+")
_PLAIN = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")

# One name, several Latin spellings: what passports, ISO 9, German and English practice write for
# the same Cyrillic letters, plus the German vowels without dots.
_VARIANTS = {
    "shch": "sh", "sch": "sh", "tsch": "ch", "tch": "ch", "kh": "h", "ts": "c", "tz": "c",
    "ks": "x", "w": "v", "yo": "e", "ye": "e", "iye": "e", "ie": "e", "y": "i", "j": "i",
    "ae": "a", "oe": "o", "ue": "u",
}  # fmt: skip
_VARIANT = re.compile(r"shch|tsch|sch|tch|kh|t[sz]|ks|w|yo|i?ye|ie|y|j(?=[au]|$)|[aou]e")
_LONG_I = re.compile(r"ii+")


class _Folding(dict[int, str]):
    """Folded text by code point, worked out once and remembered for the alphabets only."""

    def __init__(self, letters: dict[str, str], *, apostrophe: str, other: str) -> None:
        super().__init__()
        self._letters = letters
        self._apostrophe = apostrophe
        self._other = other

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = self._letters.get(char)
        if folded is None and char in _APOSTROPHES:
            folded = self._apostrophe
        if folded is None:
            parts = unicodedata.normalize("NFKD", char).casefold()
            folded = unicodedata.normalize("NFC", "".join(map(self._part, parts)))
        # Scripts beyond are too many to keep.
        if code < 0x3000:
            self[code] = folded
        return folded

    def _part(self, char: str) -> str:
        if char in self._letters:
            return self._letters[char]
        if char.isspace():
            return " "
        if char.isdecimal():
            return str(unicodedata.decimal(char))
        category = unicodedata.category(char)
        if category[0] in "LN":
            return "" if "\u02b0" <= char <= "\u02ff" else char
        if category in {"Mn", "Mc"} and not "\ufe00" <= char <= "\ufe0f":
            return char if unicodedata.combining(char) in _LETTER_MARKS else ""
        return "" if category in {"Mn", "Me", "Cf"} else self._other


_SORTED = _Folding(_LATIN | _CYRILLIC_SORT, apostrophe="", other="")
_SEARCHED = _Folding(_LATIN | _CYRILLIC_SEARCH, apostrophe="'", other=" ")


def sort_key(text: str) -> str:
    """A key whose code-point order ("C" collation) is dictionary order.

    Blanks come first, then digits, Latin, Cyrillic, other scripts. Case, accents and punctuation
    decide only between names that are otherwise equal.
    """
    if _PLAIN.fullmatch(text):
        return text[:_LONGEST_KEY].lower()
    original = " ".join(_lowered(text[:_LONGEST_KEY]).split())
    primary = " ".join(original.translate(_SORTED).split())
    # U+0001 is below the blank, so a name sorts before every longer one that it begins.
    return (primary if primary == original else f"{primary}\x01{original}")[:_LONGEST_KEY]


def fold(text: str) -> str:
    """The words of the text without case, accents and punctuation, one blank apart."""
    return " ".join(words_of(text)).replace("'", "")


def spelling(text: str) -> str:
    """The words in Latin letters with spellings merged: equal for two writings of one name."""
    words = (forms_of(word.replace("'", "")) for word in words_of(text))
    return " ".join(forms[-1] for forms in words if forms)


def _lowered(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def words_of(text: str) -> list[str]:
    """The words of a text, folded; apostrophes stay."""
    if text.isascii():
        words = _ASCII_WORD.findall(text.lower().replace("`", "'"))
    else:
        words = _lowered(text).translate(_SEARCHED).split()
    return [word[:_LONGEST_WORD] for word in words]


def indexed_forms(word: str) -> tuple[str, ...]:
    """The spellings by which one of `words_of` is found, those of its parts too."""
    if word.isalpha() or not word.isascii() or "'" in word:
        return _indexed(word)
    # Numbers and the like have one spelling, and would only crowd the cache.
    return (word,)


@lru_cache(maxsize=16_384)
def _indexed(word: str) -> tuple[str, ...]:
    forms = forms_of(word.replace("'", ""))
    if "'" not in word:
        return forms
    # "O'Brien" is found by "OBrien" and by "Brien".
    return (*forms, *(form for part in word.split("'") for form in forms_of(part)))


@lru_cache(maxsize=16_384)
def forms_of(word: str) -> tuple[str, ...]:
    """A word as it is, in Latin letters, and last with usual spellings merged."""
    latin = word
    if word.isascii() and word.isalnum() and not word.isalpha():
        return (word,)
    if not word.isascii():
        latin = "".join(filter(str.isalnum, anyascii(word).lower()))[:_LONGEST_WORD]
    merged = _LONG_I.sub("i", _VARIANT.sub(lambda match: _VARIANTS[match[0]], latin))
    return tuple(filter(None, dict.fromkeys((word, latin, merged))))


def name_parts(full: str, first: str | None) -> dict[str, str]:
    """A full name as parts: `Last, First`, `First Last`, or the rest beside a first name.

    A patronymic at the end marks the Russian order of last, first, middle name.
    """
    last, comma, given = (part.strip() for part in full.partition(","))
    if comma and last and given:
        return {"last_name": last, "first_name": first or given}
    words = full.split()
    if first is not None or len(words) == 1:
        return {"last_name": full}
    if len(words) == 3 and words[-1].lower().endswith(("вич", "вна", "ична")):
        return {"last_name": words[0], "first_name": words[1], "middle_name": words[2]}
    return {"first_name": " ".join(words[:-1]), "last_name": words[-1]}
