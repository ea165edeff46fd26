"""`crm-api schema`: the committed contracts, made from the code."""

import difflib
import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from crm_api.cli.output import Failed, err, say
from crm_api.settings import Settings

MOST_LINES = 40


class Which(StrEnum):
    """What can be made."""

    openapi = "openapi"
    graphql = "graphql"
    events = "events"
    reports = "reports"
    settings = "settings"
    all = "all"


def schema(
    which: Annotated[Which, typer.Argument(help="`all` is the first four.")],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the committed file; 1 if it differs.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the committed file.")] = False,
    root: Annotated[
        Path, typer.Option(help="The source tree.", file_okay=False, exists=True)
    ] = Path(),
) -> None:
    """Print a contract, compare it with the committed file, or write that file.

    `reports` are the pages of reference in docs/reports. `settings` is the table in README.md, which --write leaves alone.
    """
    if check and write:
        raise Failed("--check or --write, not both", code=2)
    wanted = list(FILES) if which is Which.all else [which]
    if which is Which.all and not (check or write):
        raise Failed("`all` needs --check or --write", code=2)
    if write and which is Which.settings:
        raise Failed("the table of settings is not a file of its own", code=2)
    stale = [name for name in wanted if not _handle(name, root, check=check, write=write)]
    if stale:
        raise Failed(f"out of date: {', '.join(stale)}; `make schema` writes them")


def openapi() -> str:
    """The OpenAPI document."""
    from crm_api.main import create_app

    return _json(create_app(_defaults()).openapi())


def graphql() -> str:
    """The GraphQL schema."""
    from crm_api.api.graphql import build_schema
    from crm_api.registry import shown

    return build_schema(shown()).as_str().strip() + "\n"


def events() -> str:
    """The topics of events, the module each belongs to, and the schemas of what is sent."""
    from crm_api.registry import EVENT_TYPES, MODULES

    topics: dict[str, dict[str, Any]] = {}
    for module in MODULES:
        listings = [service.repository.listing for service in module.services]
        shapes = {listing.entity: listing.out.__name__ for listing in listings}
        for topic in module.topics:
            record = shapes.get(topic.partition(".")[0])
            schema = EVENT_TYPES.schema(topic, refer="#/$defs")
            topics[topic] = {"module": module.key, "record": record, "schema": schema}
    return _json({"topics": topics, "$defs": EVENT_TYPES.values()})


def reports() -> dict[str, str]:
    """The pages of reference of the standard reports, by their paths."""
    from crm_api import registry
    from crm_api.domains.reports.reference import pages

    assert registry.MODULES
    return pages()


def settings() -> str:
    """Every setting as a row of a Markdown table."""
    lines = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        meaning = field.description or ""
        choices = [
            f"`{choice}`" for choice in get_args(field.annotation) if choice not in _NO_CHOICE
        ]
        if choices and all(isinstance(c, str) for c in get_args(field.annotation)):
            meaning = f"{meaning} One of {', '.join(choices)}."
        lines.append(f"| `CRM_{name.upper()}` | {_default(field.default)} | {meaning} |")
    return "\n".join(lines) + "\n"


_NO_CHOICE = (type(None), str, Ellipsis)
MAKERS: dict[Which, Callable[[], str | dict[str, str]]] = {
    Which.openapi: openapi,
    Which.graphql: graphql,
    Which.events: events,
    Which.reports: reports,
    Which.settings: settings,
}
FILES = {
    Which.openapi: "openapi/openapi.json",
    Which.graphql: "openapi/schema.graphql",
    Which.events: "openapi/events.json",
    Which.reports: "docs/reports",
}


def _handle(name: Which, root: Path, *, check: bool, write: bool) -> bool:
    made = MAKERS[name]()
    if isinstance(made, str):
        return _one(name, root / FILES.get(name, "README.md"), made, check=check, write=write)
    # Pages of what is no longer there go, too.
    left = {str(path.relative_to(root)) for path in (root / FILES[name]).glob("*.md")}
    for gone in sorted(left - made.keys()) if check or write else ():
        if write:
            (root / gone).unlink()
        else:
            _show([f"{gone} is of nothing"])
    done = [_one(name, root / p, text, check=check, write=write) for p, text in made.items()]
    return all(done) and (write or not check or left <= made.keys())


def _one(name: Which, path: Path, made: str, *, check: bool, write: bool) -> bool:
    if not (check or write):
        typer.echo(made, nl=False)
        return True
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, encoding="utf-8")
        say(f"Wrote {path}")
        return True
    committed = path.read_text(encoding="utf-8") if path.exists() else ""
    if name is Which.settings:
        missing = [line for line in made.splitlines() if line not in committed.splitlines()]
        _show([f"+{line}" for line in missing])
        return made in committed
    if made == committed:
        # Compared line by line, equal documents of this size take longer than making them.
        return True
    pair = committed.splitlines(), made.splitlines()
    _show(list(difflib.unified_diff(*pair, str(path), "made from the code", n=1, lineterm="")))
    return False


def _show(lines: list[str]) -> None:
    for line in lines[:MOST_LINES]:
        err.print(line, markup=False, soft_wrap=True)
    if len(lines) > MOST_LINES:
        err.print(f"… and {len(lines) - MOST_LINES} more lines")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _default(value: Any) -> str:
    if value is None or value == ():
        return "-"
    if isinstance(value, tuple):
        value = ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown}`"


def _defaults() -> Settings:
    # Nothing of the environment may show in a committed file.
    return Settings.model_construct()
