"""The OpenAPI document as an organization has it: without what it has switched off."""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from crm_api.kit.db.json import encode
from crm_api.kit.graphql.documents import Recent
from crm_api.kit.module import Module
from crm_api.kit.switches import TERRITORY

_REFERENCE = re.compile(rb'"#/components/schemas/([^"]+)"')
Disabled = frozenset[str]


class Text(NamedTuple):
    """A document as it is sent, and its entity tag."""

    body: bytes
    etag: str


class Documents:
    """The documents of the last few sets of disabled modules."""

    MOST = 32

    def __init__(self, modules: Sequence[Module]) -> None:
        self._modules = modules
        self._known: Recent[Text] = Recent(self.MOST)

    def without(self, disabled: Disabled, whole: dict[str, Any]) -> Text:
        """What is left of the whole document."""
        return self._known.get(disabled, lambda: self._make(disabled, whole))

    def _make(self, disabled: Disabled, whole: dict[str, Any]) -> Text:
        body = encode(narrowed(whole, disabled, self._modules))
        return Text(body, f'"{sha256(body).hexdigest()[:16]}"')


def narrowed(
    whole: dict[str, Any], disabled: Disabled, modules: Sequence[Module]
) -> dict[str, Any]:
    """A document without the paths, topics, shapes and groups of disabled modules."""
    if not disabled:
        return whole
    gone = {topic for module in modules if module.key in disabled for topic in module.topics}
    paths = {
        path: item
        for path, item in whole["paths"].items()
        if disabled.isdisjoint(TERRITORY.routes.get(path, ()))
    }
    webhooks = {topic: item for topic, item in whole["webhooks"].items() if topic not in gone}
    used = {
        tag
        for item in (*paths.values(), *webhooks.values())
        for operation in item.values()
        for tag in operation.get("tags", ())
    }
    schemas = reached([paths, webhooks], whole["components"]["schemas"])
    return {
        **whole,
        "paths": paths,
        "webhooks": webhooks,
        "components": {**whole["components"], "schemas": schemas},
        "tags": [tag for tag in whole["tags"] if tag["name"] in used],
    }


def reached(roots: Sequence[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The shapes that something still refers to, by whatever way."""
    found: set[str] = set()
    left = [encode(root) for root in roots]
    while left:
        names = {name.decode() for name in _REFERENCE.findall(left.pop())} - found
        found |= names
        left += [encode(schemas[name]) for name in names]
    return {name: shape for name, shape in schemas.items() if name in found}
