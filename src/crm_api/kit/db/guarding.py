"""Readings that are looked at before they begin: whether they would read too much of tables.

What a statement as a whole is expected to take multiplies what joins of its parts are expected to
come to, of which nothing is known beforehand where these are computed: it says little of statements
of many parts. What they read of tables is known well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Executable
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.selectable import SelectBase

from crm_api.kit.db.json import decode

_EXPLAIN = "EXPLAIN (FORMAT JSON)"


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets no statement begin that is expected to read more of tables than it may."""

    most: int
    refusal: Callable[[], Exception]

    def need_little(self, reads: float) -> None:
        """Raise the refusal for what is too much."""
        if reads > self.most:
            raise self.refusal()


async def reads_of(driver: Any, sql: str, args: Sequence[Any]) -> float:
    """What a statement is expected to read of tables, without carrying it out."""
    ((found,),) = await driver.fetch(f"{_EXPLAIN} {sql}", *args)
    return told(found)


def explained(statement: Executable) -> Executable | None:
    """What asks for the same of a query that is not compiled yet; none of what is no query."""
    return _Explained(statement) if isinstance(statement, SelectBase) else None


class _Explained(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, query: SelectBase) -> None:
        self.query = query


@compiles(_Explained)
def _compiled(element: _Explained, compiler: Any, **how: Any) -> str:
    return f"{_EXPLAIN} {compiler.process(element.query, **how)}"


def told(found: Any) -> float:
    """What is read of tables by the plan that PostgreSQL has told."""
    (plan,) = decode(found) if isinstance(found, str | bytes) else found
    return read_of_tables(plan["Plan"])


def read_of_tables(plan: Mapping[str, Any]) -> float:
    """What the scans of tables below a node of a plan are expected to cost, each of them once.

    In units of the planner of PostgreSQL: about a page that is read one after the other.
    """
    own: float = plan["Total Cost"] if "Relation Name" in plan else 0
    return own + sum(map(read_of_tables, plan.get("Plans", ())))
