"""Templates and data made into PDF, in threads of their own."""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from importlib.resources import files
from typing import Any, Literal, cast

import structlog

from crm_api.kit.documents.errors import BadPicture
from crm_api.kit.documents.pictures import Picture
from crm_api.kit.documents.typefaces import OWN, families, fonts, need_drawable
from crm_api.kit.errors import TooLarge

MAX_DATA = 400_000
"""Of JSON, in bytes. With the next one it bounds what a document can take: about two seconds."""
MAX_BREAKS = 10_000
"""Line ends in all texts: each makes a line of the document, so they outweigh other characters."""
_AT_ONCE = 2
_STANDARD = "a-2b"
# A package would be asked for over the network.
_PACKAGE = re.compile(r"[\"']\s*@")


class TemplateFailed(Exception):
    """A template cannot be carried out: a mistake in it, not in the data."""


@dataclass(frozen=True, slots=True)
class Template:
    """A file in the folder `templates` of a package, and the files beside it that it imports."""

    package: str
    name: str


@dataclass(frozen=True, slots=True)
class Document:
    """A finished PDF (PDF/A-2b)."""

    content: bytes
    sha256: str


async def render(
    template: Template,
    data: Mapping[str, Any],
    *,
    dated: date,
    pictures: Mapping[str, Picture] | None = None,
) -> Document:
    """Make a document; the same input makes the same bytes, in any process.

    `data` is JSON that the template reads and never carries out. `dated` is the day that the file
    says it is of. `pictures` are named by the template. Raises `Undrawable`, `BadPicture` and
    `TooLarge`.
    """
    work = partial(render_now, template, data, dated=dated, pictures=pictures)
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


def render_now(
    template: Template,
    data: Mapping[str, Any],
    *,
    dated: date,
    pictures: Mapping[str, Picture] | None = None,
) -> Document:
    """The same, in the thread of the caller."""
    content = _compiled(
        _files(template),
        _inputs(data_of(data), pictures or {}),
        format="pdf",
        pdf_standards=_STANDARD,
        timestamp=datetime(dated.year, dated.month, dated.day, tzinfo=UTC),
    )
    return Document(content, hashlib.sha256(content).hexdigest())


def png_now(
    template: Template, data: Mapping[str, Any], pictures: Mapping[str, Picture], *, ppi: int
) -> bytes:
    """The one page of a document as a PNG, made in the thread of the caller."""
    inputs = _inputs(data_of(data), pictures)
    return _compiled(_files(template), inputs, format="png", ppi=ppi)


def data_of(data: Mapping[str, Any]) -> str:
    """The data as the engine is given it; raises `TooLarge`, `Undrawable`."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    if len(text.encode()) > MAX_DATA:
        raise TooLarge(f"A document takes at most {MAX_DATA:,} bytes of data.")
    if text.count("\\n") > MAX_BREAKS:
        raise TooLarge(f"A document takes at most {MAX_BREAKS:,} line ends.")
    need_drawable(data)
    return text


def _inputs(text: str, pictures: Mapping[str, Picture]) -> dict[str, str]:
    return {
        "data": text,
        "fonts": json.dumps(families()),
        # The engine takes no bytes but files on a disk, and texts.
        "pictures": json.dumps({name: list(pictures[name].content) for name in pictures}),
    }


def _compiled(
    held: dict[str, bytes],
    inputs: dict[str, str],
    *,
    format: Literal["pdf", "png"],
    **options: Any,
) -> bytes:
    import typst

    # One for each document: it is not to be used by two threads at once. The fonts are shared.
    compiler = typst.Compiler(root=OWN, font_paths=fonts(), ignore_system_fonts=True)
    try:
        made, warnings = compiler.compile_with_warnings(
            input=cast("Any", held), format=format, sys_inputs=inputs, **options
        )
    except typst.TypstError as error:
        if "image" in error.message or "SVG" in error.message:
            raise BadPicture("cannot be decoded", "/logo") from None
        raise TemplateFailed(error.diagnostic) from error
    except BaseException as error:
        # What the engine calls a panic is no Exception, and would end a worker.
        if type(error).__name__ != "PanicException":
            raise
        raise TemplateFailed(str(error)) from None
    for warning in warnings:
        structlog.get_logger(__name__).warning("template warning", message=warning.message)
    return cast("bytes", made)


def _files(template: Template) -> dict[str, bytes]:
    held = _sources(template.package)
    return {**held, "main.typ": held[f"{template.name}.typ"]}


@cache
def _sources(package: str) -> dict[str, bytes]:
    held: dict[str, bytes] = {}
    for file in (files(package) / "templates").iterdir():
        if file.name.endswith(".typ"):
            held[file.name] = file.read_bytes()
            if _PACKAGE.search(held[file.name].decode()):
                raise TemplateFailed(f"{file.name} names a package of others")
    return held


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="documents")
