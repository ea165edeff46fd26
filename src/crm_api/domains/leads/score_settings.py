"""How far the scores of categories go in an organization."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.leads.events import ask_for_scores
from crm_api.domains.leads.models import ScoreCategory
from crm_api.domains.leads.score_schemas import LeadScoreSettings
from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx

SETTINGS_AREA = "lead_score_settings"
CONFIGURED = "lead_scores.configured"


class LeadScoreSettingsService(SettingsService):
    """The one resource that says how far scores go."""

    area = SETTINGS_AREA
    event = CONFIGURED
    part = "scoring"

    async def replace(self, data: LeadScoreSettings) -> dict[str, Any]:
        """Have this hold from now on; a job has the scores follow."""
        self.tx.actor.require(f"{self.area}:write")
        before = self.shown()
        after = await self.hold(data.model_dump())
        if after != before:
            ask_for_scores(self.tx)
        return after

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return LeadScoreSettings.model_validate(self.tx.catalogue.scoring).model_dump()


def caps_of(tx: Tx) -> Mapping[ScoreCategory, int]:
    """How far the score of each category goes, whoever asks."""
    held = LeadScoreSettings.model_validate(tx.catalogue.scoring)
    return {
        "fit": held.fit_cap,
        "engagement": held.engagement_cap,
        "negative": held.negative_cap,
    }
