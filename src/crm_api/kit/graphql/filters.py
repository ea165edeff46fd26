"""The filter language as typed inputs: the same keys, in camelCase."""

import re
from typing import Annotated, Any, Optional, cast

import strawberry

from crm_api.kit.query.counting import COUNTED
from crm_api.kit.query.filters import OPERATORS
from crm_api.kit.query.listing import Kind, Listing
from crm_api.kit.query.targets import targets
from crm_api.kit.query.totals import QUANTIFIERS, TOTALS
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
_REFERRING = "What is asked of the records that refer by a custom field, by the kind of them: one."
_TOTAL = "What a field of these records, such as `baseAmount` or `custom.price`, comes to."
_NAMED = "names a field"
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
    back = {kind: Optional[_later(_quantified(one).__name__)] for kind, one in targets().items()}  # noqa: UP045
    _keep("ReferringWhere", _unset(back), _REFERRING)
    tests: dict[str, Any] = {n: Optional[operators_of(kind)] for n, kind in TYPES.items()}  # noqa: UP045
    tests["currency"] = Optional[operators_of("text")]  # noqa: UP045
    tests["related"] = Optional[_later("RelatedWhere")]  # noqa: UP045
    tests["referring"] = Optional[_later("ReferringWhere")]  # noqa: UP045
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
    word = pascal(listing.entity)
    name = f"{word}Quantifier"
    if name not in _where:
        target = where_of(listing)
        count = _counted(f"{word}Count", target)
        total = _totalled(f"{word}TotalFilter", target)
        kinds = dict.fromkeys(QUANTIFIERS, target) | {"count": count} | dict.fromkeys(TOTALS, total)
        _keep(name, _unset({q: Optional[kind] for q, kind in kinds.items()}))  # noqa: UP045
    return _where[name]


def _counted(name: str, target: Any) -> type:
    counted: dict[str, Any] = {"where": Optional[target]}  # noqa: UP045
    return strawberry.input(type(name, (), _unset(counted | _compared(int))), name=name)


def _totalled(name: str, target: Any) -> type:
    said = {"where": Optional[target], "currency": Optional[str], "is_null": Optional[bool]}  # noqa: UP045
    fields = _unset(said | _compared(str))
    fields["__annotations__"] = {"field": str, **fields["__annotations__"]}
    fields["field"] = strawberry.field(metadata={_NAMED: True})
    return strawberry.input(type(name, (), fields), name=name, description=_TOTAL)


def _compared(kind: Any) -> dict[str, Any]:
    several = ("between",)
    return {o: Optional[list[kind] if o in several else kind] for o in COUNTED}  # noqa: UP045


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
        field.python_name.removesuffix("_"): snake(value)
        if _NAMED in field.metadata
        else filter_of(value)
        for field in definition.fields
        if (value := getattr(given, field.python_name)) is not strawberry.UNSET
    }


def snake(name: str) -> str:
    """`createdAt` as `created_at`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
