"""What a lead is worth with each member of a pool: its score, times how such leads fare with them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from crm_api.domains.leads.repository import Assignments, Leads
from crm_api.domains.leads.sharing import Sharable, Sharing
from crm_api.kit.db.tx import Tx

PRIOR = 10
"""How many leads of experience everybody is given to begin with, at the rate of all."""
AFFINITY = 2
"""How many times as much a lead is worth with whoever has the contact or company it is matched
with."""
UNSCORED = 50


class Values:
    """Values of leads with the members of the first pool, in whole thousandths.

    The rate at which leads of an industry are converted with a member is that of their own past,
    smoothed towards the rate of the member, which is smoothed towards that of all (an empirical
    Bayes estimate with a fixed prior): who is new is neither favoured nor shunned.
    """

    def __init__(
        self,
        users: Sequence[UUID],
        past: Mapping[tuple[UUID, str | None], tuple[int, int]],
        owners: Mapping[UUID, UUID],
    ) -> None:
        self._at = {user: place for place, user in enumerate(users)}
        self._owners = {lead: user for lead, user in owners.items() if user in self._at}
        self._past, self._users = past, users
        won = sum(one[0] for one in past.values())
        ended = sum(one[1] for one in past.values())
        self._of_all = (won + 1) / (ended + 2)
        self._rates: dict[str | None, NDArray[np.float64]] = {}
        self._kinds: dict[Any, NDArray[np.float64]] = {}

    @classmethod
    async def of(cls, tx: Tx, leads: Sequence[Sharable], sharing: Sharing) -> "Values":
        """Those of some leads, by what became of earlier ones."""
        if not sharing.tables:
            return cls([], {}, {})
        users = [c.user_id for c in sharing.tables[0].seats.candidates]
        past = await Assignments(tx).outcomes(users)
        rows = await Leads(tx).owners([lead.id for lead in leads])
        owners = {
            id: owner
            for id, row in rows.items()
            if (owner := row["contact_owner"] or row["company_owner"]) is not None
        }
        return cls(users, past, owners)

    def key(self, lead: Sharable) -> tuple[Any, ...]:
        """Leads with the same key are worth the same."""
        return lead.score, lead.industry, self._owners.get(lead.id)

    def of_lead(self, lead: Sharable) -> NDArray[np.float64]:
        """By the place of the member."""
        key = self.key(lead)
        if (known := self._kinds.get(key)) is not None:
            return known
        score = UNSCORED if lead.score is None else lead.score
        # A lead of no score is worth a little, so that it does not matter to nobody who gets it.
        worth = (score + 1) * self._rate(lead.industry)
        if (owner := self._owners.get(lead.id)) is not None:
            worth[self._at[owner]] *= AFFINITY
        self._kinds[key] = found = np.rint(worth * 1_000)
        return found

    def _rate(self, industry: str | None) -> NDArray[np.float64]:
        known = self._rates.get(industry)
        if known is None:
            known = np.array([self._smoothed(user, industry) for user in self._users], np.float64)
            self._rates[industry] = known
        return known.copy()

    def _smoothed(self, user: UUID, industry: str | None) -> float:
        own = [one for (who, _), one in self._past.items() if who == user]
        won, ended = (sum(one[n] for one in own) for n in (0, 1))
        rate = (won + PRIOR * self._of_all) / (ended + PRIOR)
        won, ended = self._past.get((user, industry), (0, 0))
        return (won + PRIOR * rate) / (ended + PRIOR)
