"""Handing published rates out to organizations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files
from crm_api.platform.exchange.reading import Published, RatesFile
from crm_api.platform.exchange.repository import all_organizations
from crm_api.platform.exchange.schemas import MOST_RATES
from crm_api.platform.exchange.service import ExchangeService
from crm_api.platform.exchange.sources import SOURCES

RECENT = timedelta(days=90)
"""What the chore looks at, back from the last day of a source; a long past is for the command."""
log = structlog.get_logger("crm_api.exchange")


@dataclass
class Handed:
    """What became of published rates, in all organizations together."""

    organizations: int = 0
    added: int = 0
    known: int = 0
    own: int = 0
    """Where the organization has set another one by hand, which stays."""
    differing: list[str] = field(default_factory=list[str])
    """Rates that the same source has published otherwise before; those stay."""


class RatesDiffer(Exception):
    """A source has published rates that are not those that it had published for these days."""


async def take_published(database: Database, _files: Files) -> None:
    """Hand out what the sources have published lately; raises `RatesDiffer` in the end."""
    differing: list[str] = []
    for source in SOURCES:
        found = await source.rates()
        latest = max(rate.day for rate in found.rates)
        recent = [rate for rate in found.rates if rate.day >= latest - RECENT]
        handed = await hand_out(database, RatesFile(found.source, recent))
        log.info("rates taken", source=found.source, added=handed.added, last_day=str(latest))
        differing += handed.differing
    if differing:
        raise RatesDiffer(f"{len(differing)} differ and stay as they were: {differing[0]}")


async def hand_out(
    database: Database, file: RatesFile, organizations: Iterable[UUID] | None = None
) -> Handed:
    """Let these organizations have the rates of a file, or all; those that they have stay.

    Done twice, the second time adds nothing; killed in the middle, it is to be done again. Raises
    `Stumbled` in the end if something went wrong in one of them.
    """
    if organizations is None:
        organizations = await all_organizations(database)
    handed, apart = Handed(), Apart()
    for organization in organizations:
        # Where exchange rates are switched off there are none.
        await apart.do(f"organization {organization}", _hand(database, organization, file, handed))
    apart.end()
    return handed


async def _hand(database: Database, organization: UUID, file: RatesFile, handed: Handed) -> None:
    actor = Actor(organization, "system", scopes=frozenset({"*"}))
    for stretch in _stretches(file.rates):
        async with unit_of_work(Tx(database, actor)) as tx:
            taken = await ExchangeService(tx).take(stretch, file.source)
        handed.added += taken.added
        handed.known += taken.known
        handed.own += taken.own
        handed.differing += [f"{organization} {one}" for one in taken.differing]
    handed.organizations += 1


def _stretches(rates: Sequence[Published]) -> Iterable[Sequence[Published]]:
    # In one order, so that two who hand out the same do not wait for each other.
    ordered = sorted(rates)
    for start in range(0, len(ordered), MOST_RATES):
        yield ordered[start : start + MOST_RATES]
