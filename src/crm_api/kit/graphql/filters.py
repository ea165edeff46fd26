"""The filter language as typed inputs: the same keys, in camelCase."""

from typing import Annotated, Any, Optional, cast

import strawberry

from crm_api.kit.query.filters import OPERATORS, QUANTIFIERS
from crm_api.kit.query.listing import Kind, Listing
from crm_api.kit.query.targets import targets
from crm_api.kit.query.typed import TYPES
from crm_api.kit.schema import pascal

_VALUES: dict[Kind, Any] = {
    "text": str,
    "uuid": str,
    "integer": int,
    "number": str,
    "amount": str,
    "boolean": bool,
    "instant": str,
    "day": str,
    "tags": str,
    "keys": str,
}
# One schema serves every organization, whose custom fields differ.
_CUSTOM = 'Custom fields, all of which hold: `[{field: "tier", text: {eq: "gold"}}]`.'
_FIELD = """What is asked of a custom field, by its type: one of these, and `currency` with `money`.

Selects, addresses, numbers and links are `text`, formulas and rollups what they come to."""
_RELATED = "What is asked of the record that a custom field refers to, by the kind of that: one."
_operators: dict[str, type] = {}
_wanted: dict[str, Listing] = {}
_where: dict[str, type] = {}
_terms: dict[str, type] = {}


def operators_of(kind: Kind) -> type:
    """The input that holds the operators of a kind of field."""
    name = f"{kind.capitalize()}Filter"
    if name not in _operators:
        value = _VALUES[kind]
        annotations: dict[str, Any] = {}
        fields: dict[str, Any] = {"__annotations__": annotations}
        for operator in OPERATORS[kind]:
            key = f"{operator}_" if operator == "in" else operator
            taken = list[value] if operator in {"in", "nin", "between"} else value
            if operator == "is_null":
                taken = bool
            annotations[key] = Optional[taken]  # noqa: UP045
            fields[key] = strawberry.field(default=strawberry.UNSET, name=_camel(operator))
        _operators[name] = strawberry.input(type(name, (), fields), name=name)
    return _operators[name]


@strawberry.input
class AboutFilter:
    """What is about a record, such as `company:ID`, or about what belongs to it as well."""

    record: str
    rollup: bool = False


def asked_as(term: str, kind: type) -> None:
    """Tell the input of a term that collections know (`Listing.know`), made by its domain."""
    _terms[term] = kind


def where_of(listing: Listing) -> Any:
    """The input type of a collection's filter; `make_filters` makes it."""
    name = f"{pascal(listing.entity)}Where"
    _wanted[name] = listing
    return _later(name)


def make_filters() -> None:
    """Make the input types that were asked for: what leads where has to be known by now."""
    if "CustomFieldFilter" not in _where:
        _make_custom()
    while left := _wanted.keys() - _where.keys():
        for name in sorted(left):
            _keep(name, _fields_of(_wanted[name]))


def _make_custom() -> None:
    related = {kind: Optional[where_of(listing)] for kind, listing in targets().items()}  # noqa: UP045
    _keep("RelatedWhere", _unset(related), _RELATED)
    tests: dict[str, Any] = {n: Optional[operators_of(kind)] for n, kind in TYPES.items()}  # noqa: UP045
    tests["currency"] = Optional[operators_of("text")]  # noqa: UP045
    tests["related"] = Optional[_later("RelatedWhere")]  # noqa: UP045
    fields = _unset(tests)
    fields["__annotations__"] = {"field": str, **tests}
    _keep("CustomFieldFilter", fields, _FIELD)


def _keep(name: str, fields: dict[str, Any], description: str | None = None) -> None:
    made = strawberry.input(type(name, (), fields), name=name, description=description)
    _where[name] = globals()[name] = made


def _later(name: str) -> Any:
    return Annotated[name, strawberry.lazy(__name__)]


def _fields_of(listing: Listing) -> dict[str, Any]:
    itself = where_of(listing)
    annotations: dict[str, Any] = {
        "and_": Optional[list[itself]],  # noqa: UP045
        "or_": Optional[list[itself]],  # noqa: UP045
        "not_": Optional[itself],  # noqa: UP045
    }
    fields: dict[str, Any] = {"__annotations__": annotations}
    for key in ("and_", "or_", "not_"):
        fields[key] = strawberry.field(default=strawberry.UNSET, name=key[:-1])
    for key, known in listing.fields.items():
        annotations[key] = Optional[operators_of(known.kind)]  # noqa: UP045
        fields[key] = strawberry.field(default=strawberry.UNSET)
    if listing.linked is not None:
        annotations["about"] = Optional[AboutFilter]  # noqa: UP045
        fields["about"] = strawberry.field(default=strawberry.UNSET)
    for key in listing.terms:
        annotations[key] = Optional[_terms[key]]  # noqa: UP045
        fields[key] = strawberry.field(default=strawberry.UNSET)
    annotations["custom"] = Optional[list[_later("CustomFieldFilter")]]  # noqa: UP045
    fields["custom"] = strawberry.field(default=strawberry.UNSET, description=_CUSTOM)
    for relation in listing.related.values():
        target = where_of(relation.target())
        kind = _later(_quantified(relation.target()).__name__) if relation.many else target
        annotations[relation.name] = Optional[kind]  # noqa: UP045
        fields[relation.name] = strawberry.field(default=strawberry.UNSET)
    return fields


def _quantified(listing: Listing) -> type:
    name = f"{pascal(listing.entity)}Quantifier"
    if name not in _where:
        target = where_of(listing)
        count = f"{pascal(listing.entity)}Count"
        counted: dict[str, Any] = {"where": Optional[target]}  # noqa: UP045
        for operator in ("eq", "ne", "gt", "gte", "lt", "lte"):
            counted[operator] = Optional[int]  # noqa: UP045
        counted["between"] = Optional[list[int]]  # noqa: UP045
        made = strawberry.input(type(count, (), _unset(counted)), name=count)
        kinds = {q: Optional[made if q == "count" else target] for q in QUANTIFIERS}  # noqa: UP045
        _keep(name, _unset(kinds))
    return _where[name]


def _unset(annotations: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        key: strawberry.field(default=strawberry.UNSET) for key in annotations
    }
    return fields | {"__annotations__": annotations}


def filter_of(given: Any) -> Any:
    """A typed filter as the JSON of the filter language."""
    if isinstance(given, list):
        return [filter_of(item) for item in cast("list[Any]", given)]
    definition = getattr(given, "__strawberry_definition__", None)
    if definition is None:
        return given
    return {
        field.python_name.removesuffix("_"): filter_of(value)
        for field in definition.fields
        if (value := getattr(given, field.python_name)) is not strawberry.UNSET
    }


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
