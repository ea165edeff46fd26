"""Suggests which field each column of a file fills, and says why."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

from crm_api.platform.transfer.reading.names import folded, words

FieldKind = Literal[
    "text",
    "email",
    "phone",
    "date",
    "country",
    "language",
    "url",
    "domain",
    "money",
    "integer",
    "bool",
    "tags",
]


_SAME_LABEL: Final = 1.0
_SAME_ALIAS: Final = 0.95
_NUMBERED: Final = 0.9
_SIMILAR: Final = 0.8
_LIKE_VALUES: Final = 0.5

_LEAST_RATIO: Final = 0.86
_LEAST_SHARED_WORDS: Final = 0.66
_LEAST_SHARE_OF_VALUES: Final = 0.8

_NUMBER: Final = re.compile(r"\d{1,2}")
_UNNAMED: Final = re.compile(r"column_\d+( \(\d+\))?")
_VALUES: Final[Mapping[FieldKind, re.Pattern[str]]] = {
    "email": re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+"),
    "url": re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE),
    "phone": re.compile(r"(?=(?:\D*\d){7,15}\D*$)(?:\+|\(|00|\d+[\s\-./(])[\d\s\-./()]+"),
    "date": re.compile(
        r"(?:19|20)\d\d-\d\d-\d\d(?:[T ].*)?|\d{1,2}[./]\d{1,2}[./](?:19|20)\d\d(?: .*)?"
    ),
}
_SHAPED_LIKE_PHONE: Final = re.compile(r"\d{4}-\d\d-\d\d|\d{1,3}(?:\.\d{1,3}){3}")


@dataclass(frozen=True)
class FieldHint:
    """A field that a column may fill; `multiple` lets several columns fill it together."""

    label: str
    aliases: tuple[str, ...]
    kind: FieldKind
    multiple: bool = False

    @property
    def lists(self) -> bool:
        """Whether one cell may hold several, as `a@example.com; b@example.com`."""
        return self.multiple and self.kind in {"email", "phone", "domain"}


class Suggestion(NamedTuple):
    """The field for a column, None where none fits, and how sure that is from 0 to 1."""

    column: str
    field: str | None
    confidence: float
    reason: str


class _Candidate(NamedTuple):
    """Sorts with the best first, and the same way every time."""

    doubt: float
    rank: int
    column: int
    order: int
    field: str
    reason: str


def suggest(
    columns: Sequence[str],
    samples: Sequence[Sequence[str | None]],
    fields: Mapping[str, FieldHint],
) -> list[Suggestion]:
    """One suggestion per column, in their order; only a `multiple` field is given twice."""
    candidates = [
        candidate
        for place, column in enumerate(columns)
        for candidate in _candidates(place, column, _column_values(samples, place), fields)
    ]
    chosen: dict[int, Suggestion] = {}
    refused: dict[int, str] = {}
    owners: dict[str, str] = {}
    for candidate in sorted(candidates):
        place, field = candidate.column, candidate.field
        if place in chosen:
            continue
        if field in owners and not fields[field].multiple:
            refused.setdefault(place, f"{field} is taken by {owners[field]!r}")
            continue
        owners.setdefault(field, columns[place])
        confidence = round(1 - candidate.doubt, 2)
        chosen[place] = Suggestion(columns[place], field, confidence, candidate.reason)
    return [
        chosen.get(place) or Suggestion(column, None, 0.0, refused.get(place, "no field fits"))
        for place, column in enumerate(columns)
    ]


def _column_values(samples: Sequence[Sequence[str | None]], place: int) -> list[str]:
    return [value for row in samples if place < len(row) and (value := row[place])]


def _candidates(
    place: int, column: str, values: list[str], fields: Mapping[str, FieldHint]
) -> Iterator[_Candidate]:
    kind = _kind_of(values, unnamed=_UNNAMED.fullmatch(column) is not None)
    is_json = bool(values) and all(value.startswith(("[{", '{"')) for value in values)
    for order, (field, hint) in enumerate(fields.items()):
        # Records in an export's cell are no line of an address.
        if is_json and "." in field:
            continue
        confidence, rank, reason = _by_name(column, field, hint)
        if confidence:
            yield _Candidate(1 - confidence, rank, place, order, field, reason)
        elif kind == hint.kind and "." not in field:
            reason = f"the values look like {kind}"
            yield _Candidate(1 - _LIKE_VALUES, 0, place, order, field, reason)


_TELLING = {"id", "parent"}
"""Words that make a column another one, however alike it is otherwise."""


def _by_name(column: str, field: str, hint: FieldHint) -> tuple[float, int, str]:
    name = folded(column)
    if not name or _UNNAMED.fullmatch(column):
        return 0, 0, ""
    if name in (folded(field), folded(hint.label)):
        return _SAME_LABEL, 0, f"the name is {hint.label!r}"
    best = (0.0, 0, "")
    for rank, alias in enumerate(hint.aliases):
        confidence = _likeness(column, alias, multiple=hint.multiple)
        if confidence > best[0]:
            how = "is also" if confidence == _SAME_ALIAS else "resembles"
            best = (confidence, rank, f"the name {how} {alias!r}")
    return best


def _likeness(column: str, alias: str, *, multiple: bool) -> float:
    if folded(column) == folded(alias):
        return _SAME_ALIAS
    own, other = words(column), words(alias)
    if _TELLING & {*own} != _TELLING & {*other}:
        return 0
    bare = [word for word in own if not _NUMBER.fullmatch(word)]
    if multiple and len(bare) < len(own) and "".join(bare) == folded(alias):
        return _NUMBERED
    return _SIMILAR * max(_shared(own, other), _ratio(folded(column), folded(alias)))


def _shared(own: tuple[str, ...], other: tuple[str, ...]) -> float:
    """The share of common words, when enough of them are; one word alone proves nothing."""
    if min(len(own), len(other)) < 2:
        return 0
    share = len({*own} & {*other}) / len({*own} | {*other})
    return share if share >= _LEAST_SHARED_WORDS else 0


def _ratio(own: str, other: str) -> float:
    if min(len(own), len(other)) < 5:
        return 0
    matcher = SequenceMatcher(None, own, other, autojunk=False)
    if matcher.real_quick_ratio() < _LEAST_RATIO or matcher.quick_ratio() < _LEAST_RATIO:
        return 0
    ratio = matcher.ratio()
    return ratio if ratio >= _LEAST_RATIO else 0


def _kind_of(values: list[str], *, unnamed: bool) -> FieldKind | None:
    """The kind that nearly all values have; dates mean too many things to go without a name."""
    if not values:
        return None
    for kind, pattern in _VALUES.items():
        if kind == "date" and not unnamed:
            continue
        fitting = sum(1 for value in values if pattern.fullmatch(value.strip()))
        if kind == "phone":
            fitting -= sum(1 for value in values if _SHAPED_LIKE_PHONE.match(value.strip()))
        if fitting >= _LEAST_SHARE_OF_VALUES * len(values):
            return kind
    return None
