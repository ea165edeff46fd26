"""Which of the tests that come in numbers a run leaves to another one (ADR-0074).

Those are the pairs of a generic test and a collection or module, and the tests of the platform and
of the domains. They are chosen by their names:

- `CRM_TEST_SHARE=3` runs every third of them, `CRM_TEST_SHARE=-3` all the others: two runs, on two
  versions of PostgreSQL, are the whole suite. It is the statements that may differ between
  versions, each of which many tests come by.
- `CRM_TEST_REST=3` runs a third of the pairs, another third with every hundred commits, and all
  of a collection whose service, or a module whose faces, came with the last hundred.
"""

import os
import subprocess
import zlib
from functools import cache
from pathlib import Path

import pytest

from crm_api.registry import MODULES, SERVICES

SHARE = int(os.environ.get("CRM_TEST_SHARE", "1"))
REST = int(os.environ.get("CRM_TEST_REST", "0"))
# As many commits are recent.
RECENT = 100
_TESTS = Path(__file__).parent.parent


def is_left_out(item: pytest.Item) -> bool:
    """Whether this run leaves a test to another run."""
    folder = item.path.relative_to(_TESTS).parts[0]
    is_pair = folder == "generic" and "[" in item.name
    hashed = zlib.crc32(item.nodeid.encode())
    if is_pair and rests(hashed, item.name):
        return True
    is_shared = is_pair or folder in {"platform", "domains"}
    return is_shared and (hashed % abs(SHARE) == 0) == (SHARE < 0)


def rests(hashed: int, name: str) -> bool:
    """Whether a pair rests, by its hash and name. Where nothing is known of commits, none does."""
    if not REST:
        return False
    turn, fresh = _commits()
    collection = name.partition("[")[2].rstrip("]").partition("-")[0]
    module = _modules().get(collection)
    if turn is None or module is None or module in fresh:
        return False
    # Not by the remainder that shares go by, so that of each share as many rest.
    return hashed // abs(SHARE) % REST != turn % REST


@cache
def _modules() -> dict[str, str]:
    """Where each module and collection is declared: `src/crm_api/domains/deals/service.py`."""
    of_modules = {m.key: m.faces.__module__ for m in MODULES}
    of_collections = {s.plural: s.__module__ for s in SERVICES}
    declared = {**of_modules, **of_collections}
    return {name: f"src/{module.replace('.', '/')}.py" for name, module in declared.items()}


@cache
def _commits() -> tuple[int | None, frozenset[str]]:
    """Whose turn it is to rest, and the modules that are new."""
    count = _git("rev-list", "--count", "HEAD")
    before = _git("rev-list", "--max-count=1", f"--skip={RECENT}", "HEAD")
    if count is None or before is None:
        return None, frozenset()
    changed = ("diff", "--name-only", "--diff-filter=A", before, "HEAD", "--", "src/crm_api")
    return int(count) // RECENT, frozenset((_git(*changed) or "").split())


def _git(*words: str) -> str | None:
    command = ["git", "-C", str(_TESTS.parent), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
