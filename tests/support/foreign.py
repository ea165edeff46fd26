"""Ids of another organization, put wherever a request can hold one."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from support.clients import Api
from support.factories import KINDS, Kind

ABSENT = "01990000-0000-7000-8000-00000000dead"
"""The id of nothing at all."""
METHODS = ("get", "post", "put", "patch", "delete")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REQUEST = re.compile(r'"request_?[iI]d": ?"[^"]*"')
_CAPITAL = re.compile("([A-Z])")
_DEEPEST = 8
_BY_ENTITY = {kind.entity: kind for kind in KINDS}
_OTHER_WORDS = {
    "calendar": "working_calendar",
    "component": "product",
    "line": "quote",
    "manager": "user",
    "owner": "user",
    "notify": "user",
    "notify_teams": "team",
    "reassign_to": "user",
    "reassign_to_team": "team",
    "text": "consent_text",
}
_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT c.relispartition AND a.attname = 'organization_id'
        AND c.relname NOT IN ('audit_anchors', 'audit_chains', 'event_seals') ORDER BY 1
"""
# What a worker seals meanwhile are events, which are compared themselves.


async def state_of(owner: Any, org: Any) -> dict[str, str]:
    """Everything that an organization has, as one text per table."""
    parts = [
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) "
        f'FROM "{table}" t WHERE organization_id = $1'
        for table in await _tables(owner)
    ]
    return dict(await owner.fetch(" UNION ALL ".join(parts), org.id))


async def rows_with(owner: Any, org: Any, ids: Collection[str]) -> list[str]:
    """The rows of an organization in which one of these ids stands, each behind its table."""
    parts = [
        f"SELECT '{table}: ' || t::text FROM \"{table}\" t "
        "WHERE organization_id = $1 AND t::text ~ $2"
        for table in await _tables(owner)
    ]
    return [row[0] for row in await owner.fetch(" UNION ALL ".join(parts), org.id, "|".join(ids))]


async def _tables(owner: Any) -> list[str]:
    return [row["relname"] for row in await owner.fetch(_TABLES)]


def told(answer: Any, ids: Collection[str]) -> tuple[int, str]:
    """What an answer says, as if these ids were of nothing: so nobody learns whose they are."""
    text = _REQUEST.sub("", answer.text)
    for id in ids:
        text = text.replace(id, ABSENT)
    return answer.status_code, text


def operations(
    document: Any, kind: Kind | None = None
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The operations of a collection, or of what is none: path, method and description."""
    parts = {known.path for known in KINDS}
    for path, item in document["paths"].items():
        part = path.split("/")[2] if path.startswith("/v1/") else None
        if part is not None and (part == kind.path if kind else part not in parts):
            for method in METHODS:
                if method in item:
                    yield path, method, item[method]


@dataclass(frozen=True)
class Slot:
    """Where an id stands in a body, such as `items.lines.product_id`."""

    at: str
    entity: str | None = None
    """What it is of, where that is said beside it."""
    is_theirs: bool = False

    @property
    def name(self) -> str:
        return self.at.rpartition(".")[2]

    def kinds(self, about: Kind | None) -> list[Kind]:
        """Of what its id may be."""
        if self.entity in _BY_ENTITY:
            return [_BY_ENTITY[self.entity]]
        name = _CAPITAL.sub(r"_\1", self.name).lower()
        for relation in about.listing.relations if about else ():
            if not relation.many and relation.local.key == name:
                return [_BY_ENTITY[relation.target().entity]]
        if about is not None and name in {"id", "ids"}:
            return [about]
        word = name.removesuffix("_ids").removesuffix("_id")
        word = _OTHER_WORDS.get(word, word)
        found = [k for k in KINDS if k.entity == word or k.entity.endswith(f"_{word}")]
        return found[:2] or [_BY_ENTITY["user"], about or _BY_ENTITY["contact"]]


def slotted(value: Any, at: str = "") -> Any:
    """An example with slots in place of its ids."""
    if isinstance(value, dict):
        return {key: slotted(inner, f"{at}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [slotted(inner, at) for inner in value]
    return Slot(at) if isinstance(value, str) and _ID.fullmatch(value) else value


def slots_of(value: Any) -> Iterator[Slot]:
    """Every slot in a body."""
    if isinstance(value, Slot):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from slots_of(inner)


def filled(value: Any, ids: Mapping[Slot, str]) -> Any:
    """A body with ids in its slots."""
    if isinstance(value, Slot):
        return ids[value]
    if isinstance(value, dict):
        return {key: filled(inner, ids) for key, inner in value.items()}
    return [filled(inner, ids) for inner in value] if isinstance(value, list) else value


class Own:
    """The records of the asking organization that stand beside an id of another one."""

    def __init__(self, api: Api) -> None:
        self._api, self._ids = api, dict[str, str]()

    async def id_of(self, kind: Kind) -> str:
        """A record of a kind, always the same."""
        if kind.name not in self._ids:
            self._ids[kind.name] = (await kind.make(self._api))["id"]
        return self._ids[kind.name]

    async def beside(self, body: Any, about: Kind | None) -> dict[Slot, str]:
        """Ids for every slot but the one that is theirs."""
        slots = {slot for slot in slots_of(body) if not slot.is_theirs}
        return {slot: await self.id_of(slot.kinds(about)[0]) for slot in slots}


class Shapes:
    """Bodies by the schemas of the OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._definitions = document["components"]["schemas"]

    def holding(self, schema: Any, body: Any, at: str = "", depth: int = 0) -> Iterator[Any]:
        """Copies of a body in each of which one id, however deep, is to be theirs."""
        schema = self._whole(schema)
        if depth > _DEEPEST:
            return
        if schema.get("format") == "uuid":
            yield Slot(at, is_theirs=True)
        for part in schema.get("anyOf", ()):
            yield from self.holding(part, body, at, depth + 1)
        items = schema.get("items")
        if isinstance(items, dict):
            first, *others = body if isinstance(body, list) and body else [self.least(items, at)]
            for one in self.holding(items, first, at, depth + 1):
                yield [one, *others]
        if "properties" in schema:
            given: Any = body if self._fits(schema, body) else self.least(schema, at)
            for key, inner in schema["properties"].items():
                for one in self.holding(inner, given.get(key), f"{at}.{key}", depth + 1):
                    yield _said({**given, key: one}, key)

    def least(self, schema: Any, at: str = "", depth: int = 0) -> Any:
        """A small value that a schema allows, with slots in place of its ids."""
        schema = self._whole(schema)
        if schema.get("format") == "uuid":
            return Slot(at)
        for known in ("const", "default"):
            if schema.get(known) is not None:
                return schema[known]
        for some in ("examples", "enum"):
            if schema.get(some):
                return slotted(schema[some][0], at)
        if "anyOf" in schema:
            return self.least(schema["anyOf"][0], at, depth + 1)
        if "properties" in schema:
            needed = schema.get("required", ()) if depth < _DEEPEST else ()
            parts = schema["properties"]
            return {key: self.least(parts[key], f"{at}.{key}", depth + 1) for key in needed}
        if schema.get("type") == "array":
            few = range(schema.get("minItems", 0))
            return [self.least(schema["items"], at, depth + 1) for _ in few]
        return _PLAIN.get(schema.get("format", schema.get("type")))

    def _whole(self, schema: Any) -> Any:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        return schema

    def _fits(self, schema: Any, body: Any) -> bool:
        """Whether a body is of this shape, where there are several."""
        if not isinstance(body, dict):
            return False
        known = {key: self._whole(inner) for key, inner in schema["properties"].items()}
        return body.keys() <= known.keys() and all(
            "const" not in known[key] or known[key]["const"] == value for key, value in body.items()
        )


_PLAIN = {
    "string": "example",
    "integer": 1,
    "number": 1,
    "boolean": True,
    "object": {},
    "date": "2026-03-02",
    "date-time": "2026-03-02T09:30:00Z",
}


def _said(body: dict[str, Any], key: str) -> dict[str, Any]:
    """The slot that is theirs, with what the body says that it is of."""
    beside = next((body[n] for n in ("target", "entity", "kind", "type") if n in body), None)
    slot = body[key]
    if isinstance(slot, Slot) and slot.is_theirs and isinstance(beside, str):
        return {**body, key: replace(slot, entity=beside)}
    return body
