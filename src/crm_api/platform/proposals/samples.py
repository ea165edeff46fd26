"""Proposals of companies that do not exist, to look at templates and to try them."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from crm_api.platform.proposals.schemas import Proposal

_FOLDER = files("crm_api.platform.proposals") / "samples"


@cache
def sample_names() -> Sequence[str]:
    """What samples there are, each named by its language."""
    return sorted(
        file.name.removesuffix(".json") for file in _FOLDER.iterdir() if file.name.endswith(".json")
    )


def sample(name: str) -> tuple[Proposal, bytes]:
    """A proposal and its logo."""
    text = (_FOLDER / f"{name}.json").read_text("utf-8")
    return Proposal.model_validate(json.loads(text)), (_FOLDER / "logo.svg").read_bytes()
