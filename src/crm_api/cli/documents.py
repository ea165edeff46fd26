"""`crm-api document`: what customers get, to be looked at without any database."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crm_api.cli.output import Failed, say
from crm_api.settings import Settings

if TYPE_CHECKING:
    from crm_api.platform.proposals.schemas import Proposal

EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong usage or data that is refused."
documents = typer.Typer(help="Documents as PDF.", epilog=EPILOG)


@documents.callback()
def commands() -> None:
    """Documents as customers get them."""


@documents.command("preview", epilog=EPILOG)
def preview(
    source: Annotated[str, typer.Argument(help="The name of a sample, or a file of JSON.")] = "en",
    out: Annotated[Path, typer.Option(help="Where the PDF goes.")] = Path("proposal.pdf"),
    logo: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PNG, JPEG or SVG.")
    ] = None,
    *,
    draft: Annotated[bool, typer.Option("--draft", help="Mark every page as a draft.")] = False,
) -> None:
    """Make a proposal of sample data, or of your own, and say its SHA-256."""
    from crm_api.kit.documents import typefaces
    from crm_api.kit.documents.pictures import picture
    from crm_api.platform.proposals.printing import document_of

    typefaces.add_from(Settings().font_dir)  # pyright: ignore[reportCallIssue]
    proposal, content = _read(source)
    if logo is not None:
        content = logo.read_bytes()
    if draft:
        proposal.is_draft = True
    document = asyncio.run(document_of(proposal, picture(content) if content else None))
    out.write_bytes(document.content)
    say(f"{out}: {len(document.content):,} bytes, SHA-256 {document.sha256}")


def _read(source: str) -> "tuple[Proposal, bytes | None]":
    from pydantic import ValidationError

    from crm_api.platform.proposals.samples import sample, sample_names
    from crm_api.platform.proposals.schemas import Proposal

    if source in sample_names():
        return sample(source)
    path = Path(source)
    if not path.is_file():
        names = ", ".join(sample_names())
        raise Failed(f"{source} is neither a file nor a sample ({names})", code=2)
    try:
        return Proposal.model_validate(json.loads(path.read_text("utf-8"))), None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(map(str, first["loc"]))
        raise Failed(f"{source}: /{place}: {first['msg']}", code=2) from None
    except ValueError as error:
        raise Failed(f"{source}: {error}", code=2) from None
