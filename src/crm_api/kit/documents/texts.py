"""The texts in some JSON, changed alike."""

from collections.abc import Callable, Mapping
from typing import Any, cast


def changed(node: Any, change: Callable[[str], str]) -> Any:
    """Some JSON with each text changed; keys, and what is no text, stay as they are."""
    if isinstance(node, str):
        return change(node)
    if isinstance(node, Mapping):
        held = cast("Mapping[str, Any]", node)
        return {key: changed(inner, change) for key, inner in held.items()}
    if isinstance(node, list | tuple):
        return [changed(inner, change) for inner in cast("list[Any]", node)]
    return node
