"""GraphQL documents made from the REST shapes."""

from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from crm_api.kit.query.totals import TOTALS
from crm_api.kit.query.typed import TYPES


def camel(name: str) -> str:
    """`created_at` as `createdAt`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def pascal(name: str) -> str:
    """`api_key` as `ApiKey`."""
    return "".join(word.capitalize() for word in name.split("_"))


def selection(shape: type[BaseModel]) -> str:
    """All fields of a shape, nested ones too."""
    parts = []
    for name, info in shape.model_fields.items():
        inner = nested(info.annotation)
        parts.append(camel(name) + (f" {{ {selection(inner)} }}" if inner else ""))
    return " ".join(parts)


def as_graph(shape: type[BaseModel], row: dict[str, Any]) -> dict[str, Any]:
    """A REST representation with the names that GraphQL gives its fields."""
    found = {}
    for name, value in row.items():
        inner = nested(shape.model_fields[name].annotation)
        if inner and isinstance(value, list):
            value = [as_graph(inner, item) for item in value]
        elif inner and value is not None:
            value = as_graph(inner, value)
        found[camel(name)] = value
    return found


def nested(annotation: Any) -> type[BaseModel] | None:
    """The shape inside a list, an optional or an annotated type."""
    if get_origin(annotation) in {Annotated, Union, list} or hasattr(annotation, "__args__"):
        return next(filter(None, map(nested, get_args(annotation))), None)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def body_as_graph(value: Any, *, deep: bool = True) -> Any:
    """A REST body as a GraphQL input; `custom`, `external_ids` and a saved filter keep their keys.

    A list of `custom` is what a filter asks of such fields, which is typed.
    """
    if isinstance(value, dict) and deep:
        kept = {"external_ids", "filter"} | ({"custom"} if not _typed(value) else set())
        found = {camel(k): body_as_graph(v, deep=k not in kept) for k, v in value.items()}
        return {k: _total(v) if k in TOTALS else v for k, v in found.items()}
    if isinstance(value, list):
        return [body_as_graph(item, deep=deep) for item in value]
    return value


def custom_as_graph(types: dict[str, str], asked: dict[str, Any]) -> list[dict[str, Any]]:
    """What a filter asks of custom fields by their names, as the list that GraphQL takes.

    `types` are those of the fields; what is written in letters is text.
    """
    found: list[dict[str, Any]] = []
    for name, said in asked.items():
        tests = {"is_null": True} if said is None else said
        tests = dict(tests) if isinstance(tests, dict) else {"eq": tests}
        one: dict[str, Any] = {"field": name}
        if "currency" in tests:
            currency = tests.pop("currency")
            one["currency"] = currency if isinstance(currency, dict) else {"eq": currency}
        if tests:
            one[types[name] if types[name] in TYPES else "text"] = body_as_graph(tests)
        found.append(one)
    return found


def _total(asked: Any) -> Any:
    """What a field of many records comes to: the field as `orderBy` names it, numbers as texts."""
    if not isinstance(asked, dict) or "field" not in asked:
        return asked
    texts = {k: str(v) if isinstance(v, int) and k != "isNull" else v for k, v in asked.items()}
    name = str(asked["field"])
    return {**texts, "field": name if "." in name else camel(name)}


def _typed(value: dict[str, Any]) -> bool:
    return isinstance(value.get("custom"), list)
