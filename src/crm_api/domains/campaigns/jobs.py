"""What campaigns do by themselves when their time comes."""

from typing import Any

from crm_api.domains.campaigns.actions import CampaignActions
from crm_api.domains.campaigns.deciding import look
from crm_api.domains.campaigns.events import DecideExperiment, LaunchDue
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.jobs import JobContext, runs


@runs(LaunchDue)
async def launch_due(context: JobContext, message: LaunchDue) -> dict[str, Any] | None:
    """Launch a campaign, by the rights of whoever has scheduled it."""
    async with unit_of_work(context.tx()) as tx:
        await context.job.advance(tx, 0)
        launched = await CampaignActions(tx).launch_due(message.campaign_id, message.launch_at)
    return {"launched": launched}


@runs(DecideExperiment)
async def decide_experiment(
    context: JobContext, message: DecideExperiment
) -> dict[str, Any] | None:
    """Look whether an experiment can be decided."""
    async with unit_of_work(context.tx()) as tx:
        await context.job.advance(tx, 0)
        decided = await look(tx, message.campaign_id, message.look)
    return {"decided": decided}
