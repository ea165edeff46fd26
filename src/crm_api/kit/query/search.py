"""Finding records by words: what is asked, and the hits in the order of their importance.

A hit has a tier. Within one the newest record comes first, so that tier and id are all there is
to the order, and a page begins where the one before has ended:

    EXACT       the text is a whole name, address, number or id of the record
    NAME        every word is a word of its names
    WORD        every word is a word of the record
    NAME_START  every word begins a word of its names
    START       every word begins a word of the record
    NEAR        so it would be but for one typing mistake in a word
    FAR         so it would be but for two
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.documents import scope_of
from crm_api.kit.query.listing import Listing
from crm_api.kit.values.errors import BadValue
from crm_api.kit.values.names import sort_key
from crm_api.kit.values.typing_mistakes import distance, unlike
from crm_api.kit.values.words import NAMED, OTHER, SPELLED, Asked, ask

NAMES, ANY = NAMED + SPELLED, NAMED + SPELLED + OTHER

EXACT, NAME, WORD, NAME_START, START, NEAR, FAR = range(7)
SCORES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.4, 0.3)
"""What a tier is worth, for those who mix results of several searches."""
MANY = 2_000
"""Hits that are looked up by id; of more, the records are walked instead."""
FEW = 3
"""With fewer hits than that, none of them by whole words, typing mistakes are thought of."""
_MOST_ALIKE = 50
_MOST_MISTAKEN = 20
# A word of this length may hold two mistakes.
_LONG = 7
_MOST_EXACT = 100

# The limits keep each look-up one of its index, whatever the planner thinks of ranges. All
# parameters are in the first part, since not all the others are there.
_EXACT_KEYS = f"""
    SELECT asked.entity, found.record_id AS id
    FROM unnest($4::text[], $5::text[], $6::text[]) asked (entity, kind, value), LATERAL (
      SELECT k.record_id FROM record_keys k
      WHERE k.organization_id = $1 AND k.entity = asked.entity
        AND k.kind = asked.kind AND k.value = asked.value
      ORDER BY k.record_id DESC LIMIT {_MOST_EXACT}) found
    UNION SELECT NULL, NULL FROM unnest($2::text[], $3::text[]) WHERE false
"""  # noqa: S608
_EXACT_IDS = "UNION SELECT '{entity}', id FROM {table} WHERE organization_id = $1 AND id = $7 "
_EXACT_NAMES = """
    UNION SELECT '{entity}', found.id FROM unnest($2::text[], $3::text[]) asked (low, high), LATERAL (
      SELECT r.id FROM {table} r WHERE r.organization_id = $1 AND r.deleted_at IS NULL
        AND r.{sort} >= asked.low AND r.{sort} < asked.high
      ORDER BY r.{sort} DESC, r.id DESC LIMIT {most}) found
"""
# From one kind to the next along the index, instead of past all documents.
_WORDED = """
    WITH RECURSIVE kinds AS (
      (SELECT entity FROM search_documents WHERE organization_id = $1 ORDER BY entity LIMIT 1)
      UNION ALL
      SELECT (SELECT d.entity FROM search_documents d WHERE d.organization_id = $1
        AND d.entity > k.entity ORDER BY d.entity LIMIT 1) FROM kinds k WHERE k.entity IS NOT NULL)
    SELECT entity FROM kinds WHERE entity IS NOT NULL
"""
_HITS = (
    "SELECT tier, record_id, entity FROM crm_search($1, $2::text[]::tsquery[], "
    "$3::text[]::tsquery[], $4, $5, $6, $7, $8, $9) WITH ORDINALITY ORDER BY ordinality"
)
_ALIKE = "SELECT word FROM crm_similar_words($1, $2, $3, $4)"


class Hit(NamedTuple):
    """A found record and why it stands where it does."""

    tier: int
    id: UUID
    entity: str = ""

    @property
    def order(self) -> tuple[int, int]:
        """Its place among all hits: a better tier first, then the newer record."""
        return self.tier, -self.id.int


@dataclass(frozen=True)
class Question:
    """A typed text as it is asked of the index."""

    text: str
    asked: tuple[Asked, ...]
    similar: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] | None = None
    """For each word that may be mistyped, the words one and two mistakes away; None unasked."""

    @property
    def key(self) -> Any:
        """What tells this question from others."""
        return [asked.alternatives for asked in self.asked]

    @property
    def meant(self) -> frozenset[str]:
        """The words that may have been meant."""
        words = (self.similar or {}).values()
        return frozenset(word for near, far in words for word in (*near, *far))

    def queries(self, scope: str) -> list[str]:
        """A tsquery for each tier from `NAME` on; none of them holds what another holds."""
        name, word = self._all(scope, NAMED), self._all(scope, ANY)
        name_start, start = self._all(scope, NAMES, ":*"), self._all(scope, ANY, ":*")
        found = [
            name,
            f"{word} & !({name})",
            f"{name_start} & !({word})",
            f"{start} & !({name_start}) & !({word})",
        ]
        if self.similar:
            near, far = self._all(scope, ANY, mistakes=1), self._all(scope, ANY, mistakes=2)
            found += [f"{near} & !({start})", f"{far} & !({near}) & !({start})"]
        return found

    def starts(self, scope: str) -> list[str]:
        """For each thing that is asked for the tsquery of words that begin like it."""
        return [self._any(asked, scope, ANY, ":*", 0) for asked in self.asked]

    def words(self, scope: str) -> str:
        """One tsquery for `NAME` and `WORD`."""
        return self._all(scope, ANY)

    def any(self, scope: str) -> str:
        """One tsquery for all tiers after `EXACT`."""
        return self._all(scope, ANY, ":*")

    def _all(self, scope: str, kinds: str, mark: str = "", *, mistakes: int = 0) -> str:
        return " & ".join(self._any(asked, scope, kinds, mark, mistakes) for asked in self.asked)

    def _any(self, asked: Asked, scope: str, kinds: str, mark: str, mistakes: int) -> str:
        def one(word: str, mark: str) -> str:
            return _either(f"'{scope}{kind}{word}'{mark}" for kind in kinds)

        ways = asked.alternatives if mark else asked.whole
        # The parts of a number begin too many others.
        found = [
            f"({' & '.join(one(word, mark if len(words) == 1 else '') for word in words)})"
            for words in ways
        ]
        meant = [
            f"'{scope}{kind}{word}'"
            for like in asked.likes
            for words in (self.similar or {}).get(like, ())[:mistakes]
            for word in words
            for kind in NAMES
        ]
        return _either([*found, *meant])


def _either(queries: Iterable[str]) -> str:
    return f"({' | '.join(queries)})"


def hides(tx: Tx, listing: Listing) -> str | None:
    """A field by which records are found and which somebody may not see, so may not guess."""
    hidden = tx.actor.hidden(listing.entity)
    if not hidden or listing.search is None:
        return None
    fields = tx.catalogue.of(listing.entity).by_name.values()
    computed = (f"custom.{f.name}" for f in fields if f.searchable and f.masked_by & hidden)
    custom = [*(name for name in hidden if name.startswith("custom.")), *computed]
    return next(iter([*(n for n in listing.search.fields if n in hidden), *custom]), None)


def question_of(listings: Collection[Listing], text: str, country: str | None) -> Question:
    """What is asked of these collections; raises `Invalid`."""
    if any(listing.search is None for listing in listings):
        raise Invalid.parameter("q", "not_searchable", "This collection has no search.")
    # What no text of PostgreSQL can hold.
    text = text.replace("\0", " ").encode(errors="ignore").decode()
    asked = tuple(ask(text, country))
    if not asked:
        raise Invalid.parameter("q", "no_words", "Give at least one letter or digit.")
    return Question(text, asked)


@dataclass(frozen=True)
class Hits:
    """Hits in their order."""

    found: list[Hit]
    complete: bool
    """Whether there are no others."""
    exact: list[Hit]
    """The first tier, whatever the page."""


def doubtful(known: Hits, few: int = FEW) -> bool:
    """Whether so little is found that a typing mistake is likely."""
    whole = any(hit.tier <= WORD for hit in known.found)
    return known.complete and not whole and len(known.found) < few


async def worded(tx: Tx, listings: Sequence[Listing]) -> list[Listing]:
    """Those of several collections of which there are records with words.

    Of most kinds an organization has none, and each costs a query for every tier.
    """
    if len(listings) == 1:
        return list(listings)
    there = {row[0] for row in await tx.fetch(_WORDED, tx.organization_id)}
    return [listing for listing in listings if listing.entity in there]


async def hits(
    tx: Tx,
    listings: Sequence[Listing],
    question: Question,
    exact: list[Hit],
    *,
    after: Hit | None = None,
    most: int | None = None,
) -> Hits:
    """The exact hits, and the first ones by words after one, `MANY` unless fewer are wanted."""
    most = (most or MANY) + len(exact)
    found = [hit for hit in exact if after is None or hit.order > after.order]
    if not listings:
        return Hits(found, True, exact)
    scopes = [scope_of(tx.organization_id, listing.entity) for listing in listings]
    queries = [question.queries(scope) for scope in scopes]
    begin = NAME if after is None else max(after.tier, NAME)
    rows = await tx.fetch(
        _HITS,
        [listing.entity for listing in listings],
        list(chain.from_iterable(queries)),
        list(chain.from_iterable(question.starts(scope) for scope in scopes)),
        len(queries[0]),
        [NAME_START, START],
        begin,
        after.id if after is not None and after.tier == begin else None,
        most,
        True,
    )
    known = {hit.id for hit in exact}
    found += [Hit(*row) for row in rows if row["record_id"] not in known]
    return Hits(found, len(rows) < most, exact)


async def near_hits(
    tx: Tx,
    listings: Sequence[Listing],
    question: Question,
    known: Hits,
    *,
    after: Hit | None = None,
    most: int | None = None,
) -> Hits:
    """Known hits, which are all, and those by words that may have been meant."""
    if after is None or after.tier < NEAR:
        after = Hit(START, UUID(int=0))
    more = await hits(tx, listings, question, known.exact, after=after, most=most)
    return Hits([*known.found, *more.found], more.complete, known.exact)


async def any_hits(tx: Tx, listing: Listing, question: Question) -> Hits:
    """All hits without an order, unless there are more than `MANY`; mistakes are not thought of."""
    exact = await exact_hits(tx, [listing], [listing], question)
    scope = scope_of(tx.organization_id, listing.entity)
    # Whole words first: what is frequent is so in them, and they are found sooner.
    queries = [question.words(scope), f"{question.any(scope)} & !({question.words(scope)})"]
    starts = question.starts(scope)
    args = [listing.entity], queries, starts, len(queries), [2], 1, None, MANY + 1, False
    rows = await tx.fetch(_HITS, *args)
    known = {hit.id for hit in exact}
    rest = [Hit(START, row["record_id"], row["entity"]) for row in rows]
    found = [*exact, *(hit for hit in rest if hit.id not in known)]
    return Hits(found, len(rows) <= MANY, exact)


async def exact_hits(
    tx: Tx, listings: Sequence[Listing], worded: Sequence[Listing], question: Question
) -> list[Hit]:
    """The records that a text names by an id or key; by a whole name, those of `worded` kinds."""
    names, id = _names_of(question.text), _id_of(question.text)
    read = _Normal(question.text, tx.actor.country)
    keys = [key for each in listings for key in _keys_of(each, read)]
    # U+0001 begins what a sort key adds to tell equal names apart.
    args: list[Any] = [names, [f"{name}\x02" for name in names], *zip(*keys, strict=True)]
    sql = _exact_of(
        tuple((each.entity, each.model.__tablename__) for each in listings if id is not None),
        tuple((each.entity, each.model.__tablename__, _name_of(each)) for each in worded),
    )
    rows = await tx.fetch(sql, tx.organization_id, *args, *([] if id is None else [id]))
    return [Hit(EXACT, row["id"], row["entity"]) for row in rows]


@lru_cache(maxsize=256)
def _exact_of(
    by_id: tuple[tuple[str, str], ...], by_name: tuple[tuple[str, str, str | None], ...]
) -> str:
    sql = _EXACT_KEYS
    for entity, table in by_id:
        sql += _EXACT_IDS.format(entity=entity, table=table)
    for entity, table, sort in by_name:
        if sort is not None:
            sql += _EXACT_NAMES.format(entity=entity, table=table, sort=sort, most=_MOST_EXACT)
    return f"SELECT * FROM ({sql}) e ORDER BY id DESC LIMIT {_MOST_EXACT}"  # noqa: S608


def _name_of(listing: Listing) -> str | None:
    column = listing.sorts.get("name")
    return None if column is None else column.key


class _Normal(dict[Any, str | None]):
    """A text as keys are normalised, once in each way; None where it is no such key."""

    def __init__(self, text: str, country: str | None) -> None:
        super().__init__()
        self.text, self.country = text, country

    def __missing__(self, normalise: Callable[[str, str | None], str]) -> str | None:
        try:
            found = normalise(self.text, self.country)
        except BadValue:
            found = None
        self[normalise] = found
        return found


def _keys_of(listing: Listing, read: _Normal) -> list[tuple[str, str, str]]:
    entity = listing.entity
    found = {(entity, "external", read.text.strip())}
    for key in listing.keys.values():
        value = read[key.normalise]
        if value is not None:
            found.add((entity, key.kind, value))
    return sorted(found)


def _names_of(text: str) -> list[str]:
    words = text.split()
    # People are sorted by their last name.
    orders = (words, [*words[-1:], *words[:-1]])
    keys = (sort_key(" ".join(order)).partition("\x01")[0] for order in orders)
    return list(dict.fromkeys(filter(None, keys)))


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


async def with_mistakes(tx: Tx, question: Question, known: Hits) -> Question | None:
    """The same question with the words that may have been meant; None if there are none.

    Where something was found as it was typed, only words that no name has are taken for mistyped.
    """
    likes = list(dict.fromkeys(like for asked in question.asked for like in asked.likes))
    if not likes:
        return None
    variants = [variant for like in likes for variant in unlike(like)]
    rows = await tx.fetch(_ALIKE, likes, variants, _MOST_ALIKE, not known.found)
    similar: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for like in likes:
        near, far = _meant(like, {row[0] for row in rows})
        if near or far:
            similar[like] = near, far
    return replace(question, similar=similar) if similar else None


def _meant(like: str, words: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    most = 2 if len(like) >= _LONG else 1
    by_distance: tuple[list[str], list[str]] = ([], [])
    for word in sorted(words):
        mistakes = distance(like, word, most)
        if 0 < mistakes <= most:
            by_distance[mistakes - 1].append(word)
    near, far = (tuple(found[:_MOST_MISTAKEN]) for found in by_distance)
    return near, far
