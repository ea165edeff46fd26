"""What it costs to know who asks, by a credential that was seen a moment ago."""

import asyncio
import time
from importlib import import_module
from statistics import median

from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.stage import Stage
from crm_api.api.services import AppServices
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.platform.accounts.login import Claim
from crm_api.platform.accounts.sessions import Origin
from crm_api.platform.identity.schemas import UserCreate
from crm_api.platform.identity.service import UserService

WITHIN_US = 60
_CALLS = 5_000
_COLD_CALLS = 200
_EMAIL, _PASSWORD = "member@example.com", "plainly an example of 2026"


def run(setting: Setting) -> Outcome:
    """An API key and an access token: known already, and asked of the database."""
    with setting.stage(1_000) as stage:
        found = asyncio.run(_measured(stage, setting.rounds))
    shown = table("Authentication, microseconds", "warm", "cold")
    for name, (warm, cold) in found.items():
        shown.add_row(name, f"{warm:.1f}", f"{cold:,.0f}")
    figures = [
        at_most(f"{name}, warm, µs", warm, WITHIN_US, "{:.1f}") for name, (warm, _) in found.items()
    ]
    return Outcome(figures, shown, found)


async def _measured(stage: Stage, rounds: int) -> dict[str, tuple[float, float]]:
    import_module("crm_api.registry")  # says whose accounts they are
    settings = stage.settings.model_copy(update={"encryption_keys": ("b2" * 32,)})
    services = AppServices(settings)
    try:
        token = await _access_token(services, stage)
        given = {"API key": f"Bearer {stage.token}", "access token": f"Bearer {token}"}
        return {name: await _of(services, text, rounds) for name, text in given.items()}
    finally:
        await services.close()


async def _of(services: AppServices, text: str, rounds: int) -> tuple[float, float]:
    """Microseconds of a call: the medians of the rounds."""
    known = services.authenticator
    warm: list[float] = []
    cold: list[float] = []
    for _ in range(rounds):
        await known.authenticate(text)
        # Within the second that an actor is remembered: nothing is asked of anybody.
        begun = time.perf_counter()
        for _ in range(_CALLS):
            await known.authenticate(text)
        warm.append((time.perf_counter() - begun) / _CALLS)
        begun = time.perf_counter()
        for _ in range(_COLD_CALLS):
            known.forget()
            await known.authenticate(text)
        cold.append((time.perf_counter() - begun) / _COLD_CALLS)
    return median(warm) * 1e6, median(cold) * 1e6


async def _access_token(services: AppServices, stage: Stage) -> str:
    actor = Actor(stage.organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(services.database, actor)) as tx:
        users = UserService(tx)
        member = UserCreate.model_validate({"email": _EMAIL, "name": "Sample Member"})
        invitation = await users.invite((await users.create(member)).id)
    logins = services.accounts.logins
    await logins.accept(invitation["token"], _PASSWORD, None, Origin())
    tokens = await logins.login(Claim(_EMAIL, _PASSWORD), None, Origin())
    return tokens["access_token"]


SECTION = Section("What it costs to know who asks", run, within_s=120)
