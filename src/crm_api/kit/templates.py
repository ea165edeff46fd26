"""Texts that are filled in: the product's own, and in a sandbox those that others write."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import (
    ChainableUndefined,
    Environment,
    PackageLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    nodes,
    select_autoescape,
)
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
_FILTERS = frozenset(
    {
        *("capitalize", "default", "d", "e", "escape", "first", "join", "last", "length", "lower"),
        *("title", "trim", "upper"),
    }
)
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
    return "" if value is None or callable(value) else value


def _sandboxed(*, html: bool) -> ImmutableSandboxedEnvironment:
    made: Any = ImmutableSandboxedEnvironment(undefined=_Blank, autoescape=html, finalize=_shown)
    made.globals.clear()
    for known, allowed in ((made.filters, _FILTERS), (made.tests, _TESTS)):
        for name in known.keys() - allowed:
            del known[name]
    return made


_SANDBOXES = {html: _sandboxed(html=html) for html in (False, True)}


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
        reading.walk(tree, frozenset())
        return list(dict.fromkeys(reading.paths)), reading.flaws

    def filled(self, values: Mapping[str, Any]) -> str:
        """The text; raises `ValueError` where it comes to nothing that could be sent."""
        if self._made is None:
            self._made = _SANDBOXES[self._html].from_string(self._source)
        parts: list[str] = []
        length = 0
        try:
            for part in self._made.generate(**values):
                parts.append(part)
                length += len(part)
                if length > LONGEST_RENDERED:
                    raise ValueError(f"It comes to more than {LONGEST_RENDERED:,} characters.")
        except (TemplateError, TypeError, ArithmeticError, AttributeError) as error:
            raise ValueError(f"It cannot be filled in: {error}"[:300]) from None
        return "".join(parts)


class _Reading:
    """A walk through a template: what it asks for, and what it may not have."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.flaws: list[Flaw] = []

    def walk(self, node: nodes.Node, own: frozenset[str]) -> None:
        """Go through a node; `own` are the names that loops around it give."""
        if not isinstance(node, _PLAIN):
            self._refuse(f"Templates have no {type(node).__name__.lower()}.")
            return
        if isinstance(node, nodes.For):
            self._loop(node, own)
            return
        if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
            self._path(node, own)
            return
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            self._refuse(f"There is no filter {node.name[:60]!r}.")
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            self._refuse(f"There is no test {node.name[:60]!r}.")
        for below in node.iter_child_nodes():
            self.walk(below, own)

    def _loop(self, node: nodes.For, own: frozenset[str]) -> None:
        if not isinstance(node.target, nodes.Name) or node.recursive:
            self._refuse("A loop gives one name.")
            return
        if isinstance(node.iter, nodes.Const):
            self._refuse("A loop goes over a field.")
        self.walk(node.iter, own)
        inner = own | {node.target.name, "loop"}
        for below in (*node.body, *((node.test,) if node.test is not None else ())):
            self.walk(below, inner)
        for below in node.else_:
            self.walk(below, own)

    def _path(self, node: nodes.Node, own: frozenset[str]) -> None:
        steps: list[str] = []
        at = node
        while isinstance(at, nodes.Getattr | nodes.Getitem):
            if isinstance(at, nodes.Getattr):
                steps.append(at.attr)
            elif isinstance(at.arg, nodes.Const):
                steps.append(str(at.arg.value))
            else:
                self._refuse("What stands in brackets is a number or a text.")
                return
            at = at.node
        if not isinstance(at, nodes.Name):
            self._refuse("Fields are of what is filled in.")
            return
        steps.append(at.name)
        path = ".".join(reversed(steps))
        if any(step.startswith("_") or "." in step for step in steps):
            self._refuse(f"{path[:60]!r} is no field.")
        elif at.name not in own:
            self.paths.append(path)

    def _refuse(self, message: str) -> None:
        self.flaws.append(Flaw("unsafe_template", message))
