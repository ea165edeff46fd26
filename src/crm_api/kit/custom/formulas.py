"""The language of formula fields: expressions in Python's syntax, of which little is let through.

Checked and compiled when a field is defined, never evaluated as Python. A value that is missing
makes its result missing, except where `coalesce`, `is None` or a condition says otherwise; so does
a division by zero. Conditions are two-valued: what cannot be compared does not hold.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException, localcontext
from operator import neg
from typing import Any, NoReturn, cast

from crm_api.kit.custom.functions import FUNCTIONS, Kind, Value
from crm_api.kit.values.errors import BadValue

MAX_LENGTH, MAX_NODES, MAX_DEPTH = 1_000, 200, 40
_LARGEST = Decimal(10) ** 15
_ARITHMETIC = Context(prec=28, Emax=99, Emin=-99)
_ROUNDED = Decimal("0.000001")
RESULTS: dict[str, Kind] = {
    "text": "text",
    "integer": "number",
    "decimal": "number",
    "bool": "bool",
    "date": "day",
    "datetime": "instant",
}
"""The types that a formula may have, and what its expression must then be."""
OPERANDS: dict[str, Kind] = {
    "text": "text",
    "integer": "number",
    "number": "number",
    "amount": "number",
    "boolean": "bool",
    "day": "day",
    "instant": "instant",
}
"""What the fields of a record are in a formula, by what the filter language sees in them."""

Run = Callable[[Mapping[str, Any]], Value]
Kinds = Callable[[str], Kind | None]
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
_OPERATIONS: dict[tuple[type[ast.operator], str, str], tuple[Kind, Callable[[Any, Any], Value]]] = {
    (ast.Add, "number", "number"): ("number", lambda a, b: a + b),
    (ast.Sub, "number", "number"): ("number", lambda a, b: a - b),
    (ast.Mult, "number", "number"): ("number", lambda a, b: a * b),
    (ast.Div, "number", "number"): ("number", lambda a, b: a / b),
    (ast.Mod, "number", "number"): ("number", lambda a, b: a % b),
    (ast.Add, "text", "text"): ("text", lambda a, b: a + b),
    (ast.Add, "day", "number"): ("day", FUNCTIONS["add_days"].run),
    (ast.Sub, "day", "number"): ("day", lambda a, b: FUNCTIONS["add_days"].run(a, -b)),
    (ast.Sub, "day", "day"): ("number", lambda a, b: Decimal((a - b).days)),
}


@dataclass(frozen=True)
class Formula:
    """A compiled expression."""

    kind: Kind
    uses: dict[str, Kind]
    """The fields that it reads."""
    run: Run

    def value(self, record: Mapping[str, Any]) -> Value:
        """Its value for some fields; None where there is none."""
        with localcontext(_ARITHMETIC):
            found = self.run(record)
        if isinstance(found, Decimal):
            return found if abs(found) < _LARGEST else None
        return found if not isinstance(found, str) or len(found) <= 5_000 else None


def stored(result: str, value: Value) -> Any:
    """A formula's value as what a field of this type may take."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        if result == "integer":
            return int(value.to_integral_value(ROUND_HALF_UP))
        return value.quantize(_ROUNDED, ROUND_HALF_UP)
    return value or None if isinstance(value, str) else value


def compiled(source: str, kinds: Kinds) -> Formula:
    """A formula over fields of these kinds; raises `BadValue`."""
    if len(source) > MAX_LENGTH:
        raise BadValue("too_long", f"A formula has at most {MAX_LENGTH} characters.")
    if "\\" in source or "\x00" in source:
        raise BadValue("invalid_formula", "A formula has no backslashes.")
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except SyntaxError as error:
        raise BadValue("invalid_formula", f"Not a formula: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise BadValue("invalid_formula", "Not a formula.") from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise BadValue("too_complex", f"A formula has at most {MAX_NODES} parts.")
    compiler = _Compiler(kinds)
    kind, run = compiler.expression(tree.body, 1)
    if kind is None:
        raise BadValue("invalid_formula", "The formula never has a value.")
    return Formula(kind, compiler.uses, run)


_Typed = tuple[Kind | None, Run]


class _Compiler:
    """From syntax to functions; the kind None is that of a missing value."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.uses: dict[str, Kind] = {}

    def expression(self, node: ast.expr, depth: int) -> _Typed:
        if depth > MAX_DEPTH:
            raise BadValue("too_complex", f"A formula is at most {MAX_DEPTH} levels deep.")
        make = _NODES.get(type(node))
        if make is None:
            refuse(node, "this is not part of the language")
        return make(self, node, depth + 1)

    def of_kind(self, node: ast.expr, depth: int, *wanted: Kind) -> Run:
        kind, run = self.expression(node, depth)
        if kind is not None and kind not in wanted:
            refuse(node, f"this is a {kind}, where a {' or '.join(wanted)} is needed")
        return run

    def constant(self, node: ast.Constant, _depth: int) -> _Typed:
        value: Any = node.value
        if value is None:
            return None, lambda _: None
        if isinstance(value, bool):
            return "bool", lambda _: value
        if isinstance(value, str):
            return "text", lambda _: value
        if isinstance(value, int | float):
            number = Decimal(repr(value))
            if number.is_finite() and abs(number) < _LARGEST:
                return "number", lambda _: number
        return refuse(node, "this is not a value of the language")

    def name(self, node: ast.expr, name: str) -> _Typed:
        kind = self.kinds(name)
        if kind is None:
            refuse(node, f"there is no field {name!r} that a formula can use")
        self.uses[name] = kind
        return kind, lambda record: record.get(name)

    def plain_name(self, node: ast.Name, _depth: int) -> _Typed:
        return self.name(node, node.id)

    def attribute(self, node: ast.Attribute, _depth: int) -> _Typed:
        if not (isinstance(node.value, ast.Name) and node.value.id == "custom"):
            refuse(node, "only custom.<name> has a point")
        return self.name(node, f"custom.{node.attr}")

    def binary(self, node: ast.BinOp, depth: int) -> _Typed:
        (left_kind, left), (right_kind, right) = (
            self.expression(side, depth) for side in (node.left, node.right)
        )
        found = _OPERATIONS.get((type(node.op), str(left_kind), str(right_kind)))
        if found is None:
            refuse(node, f"this does not go with a {left_kind} and a {right_kind}")
        kind, operate = found
        return kind, _whole(operate, left, right)

    def unary(self, node: ast.UnaryOp, depth: int) -> _Typed:
        if isinstance(node.op, ast.Not):
            truth = self.of_kind(node.operand, depth, "bool")
            return "bool", lambda record: not truth(record)
        if isinstance(node.op, ast.USub):
            number = self.of_kind(node.operand, depth, "number")
            return "number", _whole(neg, number)
        return refuse(node, "this is not part of the language")

    def boolean(self, node: ast.BoolOp, depth: int) -> _Typed:
        parts = [self.of_kind(part, depth, "bool") for part in node.values]
        decide = all if isinstance(node.op, ast.And) else any
        return "bool", lambda record: decide(bool(part(record)) for part in parts)

    def comparison(self, node: ast.Compare, depth: int) -> _Typed:
        if len(node.ops) > 1:
            refuse(node, "compare two values at a time")
        kind, left = self.expression(node.left, depth)
        operator, other = node.ops[0], node.comparators[0]
        if isinstance(operator, ast.Is | ast.IsNot):
            if not (isinstance(other, ast.Constant) and other.value is None):
                refuse(node, "`is` goes with None alone")
            wanted = isinstance(operator, ast.Is)
            return "bool", lambda record: (left(record) is None) is wanted
        if isinstance(operator, ast.In | ast.NotIn):
            return self.membership(node, kind, left, depth)
        compare = _COMPARISONS[type(operator)]
        if kind is None:
            refuse(node, "say `is None`")
        right = self.of_kind(other, depth, kind)
        return "bool", lambda record: bool(_whole(compare, left, right)(record))

    def membership(self, node: ast.Compare, kind: Kind | None, left: Run, depth: int) -> _Typed:
        listed = node.comparators[0]
        if kind is None or not isinstance(listed, ast.Tuple | ast.List):
            refuse(node, "`in` takes a list of values")
        items = [self.of_kind(item, depth, kind) for item in listed.elts]
        wanted = isinstance(node.ops[0], ast.In)

        def run(record: Mapping[str, Any]) -> bool:
            value = left(record)
            return value is not None and any(value == item(record) for item in items) is wanted

        return "bool", run

    def condition(self, node: ast.IfExp, depth: int) -> _Typed:
        test = self.of_kind(node.test, depth, "bool")
        kind, then = self.expression(node.body, depth)
        other_kind, other = self.expression(node.orelse, depth)
        if kind is not None and other_kind is not None and kind != other_kind:
            refuse(node, f"one way is a {kind}, the other a {other_kind}")
        return kind or other_kind, lambda record: then(record) if test(record) else other(record)

    def call(self, node: ast.Call, depth: int) -> _Typed:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or node.keywords:
            refuse(node, f"the functions are {', '.join(sorted(FUNCTIONS))}")
        function = FUNCTIONS[name]
        typed = [self.expression(argument, depth) for argument in node.args]
        kind = function.kind_of([kind for kind, _ in typed])
        if kind is None:
            refuse(node, f"say {name}({function.usage})")
        runs = [run for _, run in typed]
        if function.takes_missing:
            return kind, lambda record: function.run(*(run(record) for run in runs))
        return kind, _whole(function.run, *runs)


_NODES: dict[type[ast.expr], Callable[[_Compiler, Any, int], _Typed]] = {
    ast.Constant: _Compiler.constant,
    ast.Name: _Compiler.plain_name,
    ast.Attribute: _Compiler.attribute,
    ast.BinOp: _Compiler.binary,
    ast.UnaryOp: _Compiler.unary,
    ast.BoolOp: _Compiler.boolean,
    ast.Compare: _Compiler.comparison,
    ast.IfExp: _Compiler.condition,
    ast.Call: _Compiler.call,
}


def _whole(operate: Callable[..., Any], *parts: Run) -> Run:
    """An operation that has no value where one of its parts has none, or where it comes to none."""

    def run(record: Mapping[str, Any]) -> Value:
        values = [part(record) for part in parts]
        try:
            return None if None in values else operate(*values)
        except (DecimalException, OverflowError, ValueError):
            return None

    return run


def refuse(node: ast.expr, message: str) -> NoReturn:
    """Say what is wrong, and where."""
    raise BadValue("invalid_formula", f"At character {node.col_offset + 1}: {message}.")


def operand(kind: Kind, value: Any) -> Value:
    """A stored value or one of a column as formulas take it."""
    if value is None:
        return None
    match kind:
        case "number":
            return Decimal(
                cast("dict[str, Any]", value)["amount"] if isinstance(value, dict) else value
            )
        case "day":
            return value if isinstance(value, date) else date.fromisoformat(value)
        case "instant":
            return value if isinstance(value, datetime) else datetime.fromisoformat(value)
        case _:
            return value
