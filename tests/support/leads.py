"""Pools of users, leads for them, and their distribution as workers do it."""

from typing import Any
from uuid import UUID, uuid4

from crm_api.domains.leads.distributing import Distributor
from crm_api.domains.leads.jobs import follow_leads
from crm_api.domains.leads.service import LeadService
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import unit_of_work
from support.clients import Api, Org, tx_of
from support.members import custom_role, new_user

Body = dict[str, Any]


async def users_of(api: Api, count: int) -> list[str]:
    """The ids of new users, in their order."""
    bodies = [
        {"email": f"rep-{uuid4().hex[:12]}@example.com", "name": "Sample Rep"} for _ in range(count)
    ]
    return sorted([(await api.made("users", body))["id"] for body in bodies])


async def manager_of(api: Api) -> str:
    """The id of a new user who sees leads, as whoever they are escalated to has to."""
    levels = {"leads": dict.fromkeys(("read", "update"), "own")}
    return await new_user(api, await custom_role(api, levels=levels))


async def pool_of(api: Api, weights: dict[str, int], **more: Any) -> Body:
    """A pool of users with weights; `each` is said of all of them."""
    each = more.pop("each", {})
    members = [{"user_id": id, "weight": weight, **each} for id, weight in weights.items()]
    return await api.made("lead-pools", {"name": "Inside sales", "members": members, **more})


async def rule_of(api: Api, pool: Body, **more: Any) -> Body:
    """A rule that leads to a pool."""
    return await api.made("lead-rules", {"name": "All", "pool_id": pool["id"], **more})


async def captured(api: Api, count: int, **more: Any) -> list[Body]:
    """So many leads."""
    return [await api.made("leads", {"last_name": f"Person {n}", **more}) for n in range(count)]


async def give_all(database: Database, org: Org, ids: list[str] | None = None) -> int:
    """Give waiting leads, all or some, as the job does."""
    async with unit_of_work(tx_of(database, org)) as tx:
        service = LeadService(tx)
        if ids is None:
            leads = await service.records.waiting(None, 1_000, anew=True)
        else:
            leads = await service.records.locked([UUID(id) for id in ids])
        return await Distributor(service).give(leads)


async def follow(database: Database) -> None:
    """Take back what is overdue and try again what waits, as the chore does."""
    await follow_leads(database, None)  # pyright: ignore[reportArgumentType]


async def owner_of(api: Api, lead: Body) -> str | None:
    """Who has a lead now."""
    return (await api.read(f"leads/{lead['id']}"))["owner_id"]
