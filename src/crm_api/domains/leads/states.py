"""Where a lead may go from where it stands, and what stands in the way."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crm_api.domains.leads.models import LeadStatus
from crm_api.domains.leads.schemas import LeadVerb
from crm_api.kit import clock
from crm_api.kit.crud.transitions import Way, way
from crm_api.kit.errors import Fault

_HELD = "assigned working"
WAYS: Mapping[LeadVerb, Way[LeadStatus]] = {
    "assign": way(f"new recycled {_HELD} qualified", "assigned", "assigned"),
    "accept": way("assigned", "working", "accepted"),
    "claim": way("new recycled", "working", "claimed"),
    "return": way(_HELD, "new", "returned"),
    "distribute": way(f"new recycled {_HELD}", "new", "queued"),
    "qualify": way(_HELD, "qualified", "qualified"),
    "disqualify": way(f"new recycled {_HELD} qualified", "disqualified", "disqualified"),
    "recycle": way(f"disqualified qualified {_HELD}", "recycled", "recycled"),
    "convert": way(f"{_HELD} qualified", "converted", "converted"),
    "revert": way("converted", "qualified", "reverted"),
}
REVERSIBLE = timedelta(days=30)
"""How long a conversion can be taken back."""
QUEUED = "queued"
"""Why nobody has a lead that waits for a member of a queue (`queues.py`)."""
SPENT = "all_had_it"
"""Why nobody has a lead that all whom it is for gave back, or did not respond to."""
FREE = frozenset(("new", "recycled"))
"""Leads of nobody that may be given."""
ENDED = frozenset({"converted", "disqualified"})


def in_the_way(lead: Any, verb: LeadVerb) -> list[Fault]:
    """What keeps an action from being done with a lead of a status that it is for."""
    if verb == "claim" and lead.owner_id is not None:
        return [Fault("already_owned", "Somebody has it.", "/owner_id")]
    if verb == "claim" and lead.unassigned_reason == QUEUED:
        message = "It waits in a queue, of which members take the next."
        return [Fault("in_queue", message, "/pool_id")]
    if verb == "revert" and lead.converted_at < clock.now() - REVERSIBLE:
        message = f"It was converted more than {REVERSIBLE.days} days ago."
        return [Fault("too_late", message, "/converted_at")]
    if verb in {"return", "qualify", "accept"} and lead.owner_id is None:
        return [Fault("owner_needed", "Nobody has it.", "/owner_id")]
    return []
