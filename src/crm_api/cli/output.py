"""What commands print: people read the terminal, machines one JSON object on stdout."""

import json
from typing import Any, NoReturn

import typer
from rich.console import Console

# Results go to stdout; whatever a pipe should not see goes to stderr.
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class Failed(Exception):
    """A command cannot do its work; `code` becomes the exit code."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the program with one line on stderr."""
    err.print(f"crm-api: {message}", style="red", markup=False, soft_wrap=True)
    raise SystemExit(code)


def say(text: str, style: str | None = None) -> None:
    """Print a line that can be copied as it stands."""
    out.print(text, style=style, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON object and nothing else."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
