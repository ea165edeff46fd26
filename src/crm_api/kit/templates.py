"""Texts that are filled in: the product's own, and in a sandbox those that others write."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from jinja2 import (
    ChainableUndefined,
    Environment,
    PackageLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    nodes,
    pass_eval_context,
    select_autoescape,
)
from jinja2.filters import do_join
from jinja2.nodes import EvalContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

LANGUAGES = ("en", "de", "ru")
"""The first one stands in for those that are missing."""


def language_of(tag: str | None) -> str:
    """The language that a reader of some language is written to in."""
    wanted = (tag or "").split("-", maxsplit=1)[0].lower()
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


@cache
def templates_of(package: str) -> Environment:
    """The templates of a package; what is filled into those named `.html` is escaped."""
    return Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )


LONGEST_RENDERED = 500_000
"""Characters that a text is filled up to."""
MOST_PIECES = 2_000
"""Fields, filters and conditions of a template: without a bound, one takes a worker's time away."""
_FILTERS = frozenset(
    {
        *("capitalize", "default", "d", "e", "escape", "first", "join", "last", "length", "lower"),
        *("title", "trim", "upper"),
    }
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LISTED = "_listed"
"""A filter that templates themselves may not ask for."""
_TESTS = frozenset({"defined", "undefined", "none", "true", "false", "in"})
_PLAIN: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.If, nodes.CondExpr),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.List),
    *(nodes.Tuple, nodes.For, nodes.Filter, nodes.Test, nodes.Getattr, nodes.Getitem, nodes.Name),
)
"""All that a template of somebody's own is made of: no calls, no arithmetic, nothing that is set."""


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a template."""

    code: str
    message: str


class _Blank(ChainableUndefined):
    """What has no value is empty, and so is whatever it would lead to."""


def _shown(value: Any) -> Any:
    return "" if value is None or callable(value) or isinstance(value, Mapping) else value


def _listed(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()


@pass_eval_context
def _joined(context: EvalContext, value: Any, between: Any = "") -> Any:
    if not isinstance(value, list | tuple):
        return value
    return do_join(context, cast("Sequence[Any]", value), between)


def _sandboxed(*, html: bool) -> ImmutableSandboxedEnvironment:
    made: Any = ImmutableSandboxedEnvironment(undefined=_Blank, autoescape=html, finalize=_shown)
    made.globals.clear()
    for known, allowed in ((made.filters, _FILTERS), (made.tests, _TESTS)):
        for name in known.keys() - allowed:
            del known[name]
    # Texts are no lists of their characters: of a long one, each would be another round.
    made.filters |= {"join": _joined, _LISTED: _listed}
    return made


_SANDBOXES = {html: _sandboxed(html=html) for html in (False, True)}


_UNFILLED = (
    *(TemplateError, TypeError, ArithmeticError, AttributeError),
    *(SyntaxError, RecursionError),
)


class Sandboxed:
    """A template that somebody has written: it fills in fields, and reaches nothing else."""

    def __init__(self, source: str, *, html: bool = False) -> None:
        self._source, self._html = source, html
        self._made: Template | None = None

    def read(self) -> tuple[list[str], list[Flaw]]:
        """The fields that it asks for, as paths (`contact.first_name`), and what is wrong with it."""
        try:
            tree = _SANDBOXES[self._html].parse(self._source)
        except TemplateSyntaxError as error:
            said = f"Line {error.lineno}: {error.message}"
            return [], [Flaw("invalid_template", said[:500])]
        except RecursionError:
            return [], [Flaw("invalid_template", "It is nested too deeply.")]
        reading = _Reading()
        try:
            reading.walk(tree, {})
            if not reading.flaws:
                self._made = self._compiled()
        except (SyntaxError, RecursionError):
            return [], [Flaw("invalid_template", "It is nested too deeply.")]
        return list(dict.fromkeys(reading.paths)), reading.flaws

    def _compiled(self) -> Template:
        sandbox = _SANDBOXES[self._html]
        tree = sandbox.parse(self._source)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, _LISTED, [], [], None, None, lineno=loop.lineno)
        return sandbox.from_string(tree)

    def filled(self, values: Mapping[str, Any]) -> str:
        """The text; raises `ValueError` where it comes to nothing that could be sent."""
        parts: list[str] = []
        length = 0
        try:
            if self._made is None:
                self._made = self._compiled()
            for part in self._made.generate(**values):
                parts.append(part)
                length += len(part)
                if length > LONGEST_RENDERED:
                    raise ValueError(f"It comes to more than {LONGEST_RENDERED:,} characters.")
        except _UNFILLED as error:
            raise ValueError(f"It cannot be filled in: {error}"[:300]) from None
        return "".join(parts)


class _Reading:
    """A walk through a template: what it asks for, and what it may not have."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.flaws: list[Flaw] = []
        self._pieces = 0

    def walk(self, node: nodes.Node, own: Mapping[str, str | None]) -> None:
        """Go through a node; `own` are the names that a loop around it gives, and of what."""
        if not isinstance(node, nodes.TemplateData | nodes.Output):
            self._pieces += 1
            if self._pieces == MOST_PIECES:
                self._refuse(f"It has more than {MOST_PIECES:,} fields and conditions.")
        if not isinstance(node, _PLAIN):
            self._refuse(f"Templates have no {type(node).__name__.lower()}.")
            return
        if isinstance(node, nodes.For):
            self._loop(node, own)
            return
        if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
            self._path(node, own)
            return
        if isinstance(node, nodes.Const) and _CONTROLS.search(str(node.value)):
            self._refuse("A text has no control characters.")
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            self._refuse(f"There is no filter {node.name[:60]!r}.")
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            self._refuse(f"There is no test {node.name[:60]!r}.")
        for below in node.iter_child_nodes():
            self.walk(below, own)

    def _loop(self, node: nodes.For, own: Mapping[str, str | None]) -> None:
        if not isinstance(node.target, nodes.Name) or node.recursive:
            self._refuse("A loop gives one name.")
            return
        if own:
            self._refuse("A loop stands in no other one.")
            return
        if not isinstance(node.iter, nodes.Getattr | nodes.Getitem):
            self._refuse("A loop goes over a field.")
            return
        over = self._path(node.iter, own)
        inner = {"loop": None, node.target.name: over}
        for below in (*node.body, *((node.test,) if node.test is not None else ())):
            self.walk(below, inner)
        for below in node.else_:
            self.walk(below, own)

    def _path(self, node: nodes.Node, own: Mapping[str, str | None]) -> str | None:
        steps: list[str] = []
        at = node
        while isinstance(at, nodes.Getattr | nodes.Getitem):
            if isinstance(at, nodes.Getattr):
                steps.append(at.attr)
            elif isinstance(at.arg, nodes.Const):
                steps.append(str(at.arg.value))
            else:
                self._refuse("What stands in brackets is a number or a text.")
                return None
            at = at.node
        if not isinstance(at, nodes.Name):
            self._refuse("Fields are of what is filled in.")
            return None
        root = own.get(at.name, at.name)
        path = ".".join((root or at.name, *reversed(steps)))
        if any(step.startswith("_") or "." in step for step in (*steps, at.name)):
            self._refuse(f"{path[:60]!r} is no field.")
        elif root is not None:
            self.paths.append(path)
        return path

    def _refuse(self, message: str) -> None:
        self.flaws.append(Flaw("unsafe_template", message))
