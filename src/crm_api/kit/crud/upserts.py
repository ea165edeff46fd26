"""Create or change: one record, found by its id in another system or by a key of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

import msgspec
from pydantic import BaseModel, ValidationError

from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.index import external_key
from crm_api.kit.crud.plain import merged_in
from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.errors import Ambiguous, Duplicate, Fault, Forbidden, Invalid, NotFound, Stale
from crm_api.kit.faults import invalid_body
from crm_api.kit.schema import Update
from crm_api.kit.values.errors import BadValue

EXTERNAL = "external_id"
"""The name of the look-up by external ids."""
_CUSTOM = "custom."
_SHOWN_CANDIDATES = 10


Result = Literal["created", "updated", "unchanged"]


class Upserted(NamedTuple):
    """What became of it, and the representation after it."""

    result: Result
    record: Any


@dataclass(frozen=True, slots=True)
class External:
    """The name of another system, and a record's id there."""

    source: str
    id: str

    @property
    def key(self) -> str:
        """How it stands among the look-up keys."""
        return external_key(self.source, self.id)

    def __str__(self) -> str:
        return f"{self.id!r} in {self.source}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the client takes for granted: a version, or that there is a record, or that none is."""

    version: int | None = None
    exists: bool | None = None


class Upsert:
    """One writing of a record that may be there already.

    The body is a merge patch of what is there, or of nothing. Equal keys wait for each other, so
    that of many upserts at once one creates and the others change.
    """

    def __init__(self, service: Any, data: Update, expected: Expected) -> None:
        self._service, self._records = service, service.records
        self._tx = service.tx
        self._expected = expected
        self._given: dict[str, Any] = data.model_dump(exclude_unset=True)

    async def by_external(self, external: External) -> Upserted:
        """Into the record with an id in another system."""
        ids: dict[str, str | None] = self._given.get("external_ids") or {}
        if ids.get(external.source, external.id) != external.id:
            pointer = f"/external_ids/{external.source}"
            raise Invalid.at(pointer, "contradicts_path", "The path has another id.")
        rest = {source: id for source, id in ids.items() if source != external.source}
        if "external_ids" in self._given:
            self._given["external_ids"] = rest
        return await self._into("external", [external.key], {external.source: external.id})

    async def by_key(self, match: str) -> Upserted:
        """Into the record that has one of the body's values of a look-up key."""
        return await self._into(*self.keys_of(match))

    def keys_of(self, match: str) -> tuple[str, list[str]]:
        """The kind of a look-up key, and the body's values of it; raises `Invalid`."""
        check_known(self._service, match)
        field = self._records.listing.lookups.get(match, match)
        if field in self._tx.actor.hidden(self._records.listing.entity):
            raise hidden_field(field)
        if match == EXTERNAL:
            return "external", self._external_keys()
        if match.startswith(_CUSTOM):
            return self._custom_key(match.removeprefix(_CUSTOM))
        return match, self._values_of(match, self._records.listing.lookups[match])

    def _custom_key(self, name: str) -> tuple[str, list[str]]:
        custom: dict[str, Any] = self._given.get("custom") or {}
        if custom.get(name) is None:
            _nothing_given(f"{_CUSTOM}{name}", f"custom/{name}")
        known = self._service.fields
        ((kind, value),) = known.keys(known.read({name: custom[name]}, self._tx.actor))
        return kind, [value]

    def _external_keys(self) -> list[str]:
        ids: dict[str, str | None] = self._given.get("external_ids") or {}
        found = [external_key(source, id) for source, id in ids.items() if id is not None]
        return found or _nothing_given(EXTERNAL, "external_ids")

    def _values_of(self, match: str, field: str) -> list[str]:
        """The body's values of a key, as they are looked up; raises `Invalid`."""
        key = self._records.listing.keyed[field]
        given: Any = self._given.get(field)
        values = cast("list[Any]", given) if isinstance(given, list) else []
        places: dict[str, str] = {}
        for n, item in enumerate(values):
            if isinstance(item, str):
                places[f"{field}/{n}"] = item
            else:
                places[f"{field}/{n}/value"] = item["value"]
        for short in {match, field} & self._given.keys():
            if isinstance(self._given[short], str):
                places[short] = self._given[short]
        country = self._given.get("country") or self._tx.actor.country
        found: list[str] = []
        for place, value in places.items():
            try:
                found.append(key.normalise(value, country))
            except BadValue as error:
                raise Invalid.at(f"/{place}", error.code, str(error)) from None
        return found or _nothing_given(match, field)

    async def _into(
        self, kind: str, values: Sequence[str], external: Mapping[str, str] | None = None
    ) -> Upserted:
        known = self._records.holders(kind, values)
        if known is None:
            await self._records.lock_keys(kind, values)
        current = await self._find(kind, values, known)
        if current is None and self._expected.version is None and not self._expected.exists:
            if known is not None:
                # One of many, which are tried again if somebody else has created the same.
                return await self._create(external or {})
            try:
                # A part of its own: somebody may create the same without an upsert meanwhile.
                async with self._tx.atomic():
                    return await self._create(external or {})
            except Duplicate:
                current = await self._find(kind, values)
                if current is None:
                    raise
        return await self._update(current)

    async def _find(self, kind: str, values: Sequence[str], known: list[UUID] | None = None) -> Any:
        ids = known
        if ids is None:
            found = await self._records.by_keys(kind, values)
            ids = sorted({id for of_value in found.values() for id in of_value})
        if len(ids) > 1:
            shown = await self._records.rows(ids[:_SHOWN_CANDIDATES])
            raise Ambiguous(
                f"{len(ids)} records match.",
                details={"candidates": list(shown.values()), "candidate_ids": ids},
            )
        # One that was put in the bin since has lost its keys: it is not there.
        return await self._records.find(ids[0], lock=True) if ids else None

    async def _create(self, external: Mapping[str, str]) -> Upserted:
        given = {name: value for name, value in self._given.items() if value is not None}
        for name in {"custom", "external_ids", *merged_in(self._service.create_shape)}:
            inner: dict[str, Any] = given.get(name) or {}
            given[name] = {k: v for k, v in inner.items() if v is not None}
        given["external_ids"] |= external
        record = await self._service.create(_checked(self._service.create_shape, given))
        return Upserted("created", record)

    async def _update(self, current: Any) -> Upserted:
        if current is None:
            raise Stale("There is no such record.", code="missing")
        if self._expected.exists is False:
            shown = await self._service.told(self._service.shown_of(current))
            current_row = msgspec.to_builtins(shown)
            raise Stale("There is such a record already.", details={"current": current_row})
        before = current.version
        data = _checked(self._service.update_shape, self._changeable(current))
        version = self._expected.version
        record = await self._service.update(current.id, data, expected_version=version)
        return Upserted("unchanged" if record.version == before else "updated", record)

    def _changeable(self, current: Any) -> dict[str, Any]:
        """What is given without what cannot be changed, which must be as it is."""
        allowed = self._service.update_shape.model_fields.keys()
        fixed = [name for name in self._given if name not in allowed]
        faults = [
            Fault("immutable", "cannot be changed any more", pointer=f"/{name}")
            for name in fixed
            # What is no column is only said at the beginning.
            if self._given[name] != getattr(current, name, None)
        ]
        if faults:
            raise Invalid("A field cannot be changed any more.", faults=faults)
        return {name: value for name, value in self._given.items() if name in allowed}


def check_known(service: Any, match: str | None) -> None:
    """That records of a collection are found by this look-up; raises `Invalid`, `Forbidden`."""
    lookups = service.records.listing.lookups
    if match is not None and match.startswith(_CUSTOM):
        field = service.fields.get(match.removeprefix(_CUSTOM))
        known = field is not None and field.unique
        if field is not None and known:
            try:
                need_sight(field, service.tx.actor)
            except Forbidden as error:
                raise error.elsewhere(parameter="match") from None
    else:
        known = match == EXTERNAL or match in lookups
    if not known:
        named = ", ".join(sorted([EXTERNAL, *lookups, f"{_CUSTOM}<a unique field>"]))
        message = f"Records of this kind are matched by: {named}."
        raise Invalid.parameter("match", "required" if match is None else "unknown_match", message)


def none_such(entity: str, external: External) -> NotFound:
    """The error for an id that no record has in another system."""
    return NotFound(f"There is no {entity} with the id {external}.")


def _checked(shape: type[BaseModel], given: Mapping[str, Any]) -> Any:
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        raise invalid_body(error.errors(include_url=False)) from None


def _nothing_given(match: str, field: str) -> Any:
    raise Invalid.at(f"/{field}", "required", f"To match by {match} takes a value here.")
