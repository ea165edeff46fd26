"""Every kind of event, and what the body of its request looks like."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from crm_api.kit.crud.sight import Services
from crm_api.kit.custom.catalogue import Catalogue
from crm_api.kit.ids import new_id
from crm_api.kit.parts import Told
from crm_api.platform.webhooks.events import CALLED
from crm_api.platform.webhooks.examples import examples_of

VERBS = {
    "created": "A {} was created; `data` holds all its values that are not null.",
    "updated": "A {} was changed; `data` holds what changed, `previous` what it was.",
    "deleted": "A {} was put in the bin.",
    "restored": "A {} was taken out of the bin.",
    "purged": "A {} was destroyed; nothing of it is left.",
}
_EVENT: dict[str, Any] = {
    "id": {"type": "string", "format": "uuid", "description": "Also the `webhook-id`."},
    "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
    "occurred_at": {"type": "string", "format": "date-time", "description": "The same."},
    "record_id": {"type": "string", "format": "uuid"},
    "version": {"type": "integer", "description": "The record's version after it."},
    "actor": {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["key", "user", "app", "system"]},
            "id": {"type": ["string", "null"], "format": "uuid"},
        },
        "required": ["kind", "id"],
    },
    "request_id": {"type": ["string", "null"]},
    "cause_id": {"type": ["string", "null"], "format": "uuid"},
    "test": {"const": True, "description": "Set where it is sent for a test."},
    "truncated": {
        "const": True,
        "description": "Set where `data` and `previous` would be too long to send; ask for them.",
    },
}
_IN_BIN = ("deleted_at", "deleted_by")
_OF_ALL = {
    *("id", "version", "created_at", "created_by", "updated_at", "updated_by", "owner_id"),
    *("custom", "external_ids", "tags", *_IN_BIN),
}
_REQUIRED = [name for name in _EVENT if name not in {"test", "truncated"}]


class EventTypes:
    """The topics of the product; those of custom objects are an organization's own."""

    def __init__(
        self, topics: Iterable[str], services: Services, told: Mapping[str, Told] | None = None
    ) -> None:
        self.services = services
        self._told = told or {}
        self._topics = sorted(topics)
        self._outs: Mapping[str, type[BaseModel]] = {
            entity: service.repository.listing.out for entity, service in services.items()
        }

    def of(self, catalogue: Catalogue | None = None) -> list[str]:
        """Every topic, with those of an organization's objects where it is given."""
        objects = catalogue.objects if catalogue is not None else ()
        own = [f"{key}.{verb}" for key in sorted(objects) for verb in VERBS]
        return [*self._topics, *own]

    def knows(self, topic: str, catalogue: Catalogue) -> bool:
        """Whether there are such events; `contact.*` and `*` name several."""
        known = self.of(catalogue)
        entity, _, verb = topic.partition(".")
        if topic == "*":
            return True
        return any(t.partition(".")[0] == entity for t in known) if verb == "*" else topic in known

    def described(self, topic: str) -> dict[str, Any]:
        """A topic as `GET /v1/event-types` shows it."""
        entity, _, verb = topic.partition(".")
        noun = entity.replace("_", " ")
        told = VERBS.get(verb, "{}: " + verb.replace("_", " ") + ".").format(noun)
        return {
            "type": topic,
            "entity": self._told[topic].entity if topic in self._told else entity,
            "description": told[0].upper() + told[1:],
            "schema": self.schema(topic),
        }

    def values(self) -> dict[str, Any]:
        """The JSON Schemas of the values of records, by the word for a record."""
        return {entity: _values_of(out) for entity, out in self._outs.items()}

    def schema(self, topic: str, *, refer: str | None = None) -> dict[str, Any]:
        """The JSON Schema of a topic's bodies, which needs no other document.

        `refer` is where in a document the values of records are, if they are apart.
        """
        entity = topic.partition(".")[0]
        values: dict[str, Any] = {"type": "object"}
        told: dict[str, Any] = {"const": entity}
        if topic == CALLED:
            # About whatever record a rule was about; what it says is the rule's own.
            told = {"type": "string"}
        elif topic in self._told:
            known = self._told[topic]
            told, values = {"const": known.entity}, _values_of(known.data)
        elif entity in self._outs:
            apart = {"$ref": f"{refer}/{entity}"}
            values = apart if refer is not None else _values_of(self._outs[entity])
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": topic,
            "type": "object",
            "properties": {
                "type": {"const": topic},
                "entity": told,
                **_EVENT,
                "data": values,
                "previous": {"anyOf": [values, {"type": "null"}]},
            },
            "required": ["type", "entity", *_REQUIRED],
        }

    def example(self, topic: str, occurred_at: Any) -> dict[str, Any]:
        """An event of a topic that never happened; valid by the topic's schema."""
        entity, _, verb = topic.partition(".")
        told, id = self.schema(topic)["properties"], new_id()
        named: Mapping[str, Any] = told["data"].get("properties", {})
        is_whole = topic in self._told or verb == "created"
        if not is_whole:
            # Of a change some values are told, before and after.
            in_bin = [name for name in _IN_BIN if name in named]
            known = in_bin if verb in {"deleted", "restored"} else _telling(named)
            named = {name: named[name] for name in known if verb != "purged"}
        data = examples_of(
            {n: one for n, one in named.items() if verb != "created" or n not in _IN_BIN}
        )
        before = {n: None if _may_be_null(named[n]) else value for n, value in data.items()}
        if "id" in data:
            data["id"] = id
        after, previous = (before, data) if verb == "restored" else (data, before)
        return {
            "id": new_id(),
            "type": topic,
            "occurred_at": occurred_at,
            "entity": told["entity"].get("const", entity),
            "record_id": id,
            "version": 1 if verb == "created" else 2,
            "data": after,
            "previous": None if is_whole or verb == "purged" else previous,
            "actor": {"kind": "system", "id": None},
            "request_id": None,
            "cause_id": None,
        }


def _telling(named: Mapping[str, Any]) -> list[str]:
    """Some of what is a record's own, not of all records."""
    own = [name for name in named if name not in _OF_ALL]
    return (own or list(named))[:3]


def _may_be_null(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    nullable = isinstance(kind, list) and "null" in kind
    return nullable or any(one.get("type") == "null" for one in schema.get("anyOf", ()))


@cache
def _values_of(out: type[BaseModel]) -> dict[str, Any]:
    """The values of a record, any of which may be missing: an event tells what changed."""
    schema = out.model_json_schema(mode="serialization")
    definitions = schema.pop("$defs", {})
    found: dict[str, Any] = _inlined(schema, definitions)
    found.pop("required", None)
    found.pop("title", None)
    return found


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            return _inlined(definitions[reference.rpartition("/")[2]], definitions)
        return {key: _inlined(value, definitions) for key, value in node.items()}
    if isinstance(node, list):
        return [_inlined(value, definitions) for value in node]
    return node
