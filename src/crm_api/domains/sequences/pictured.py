"""What sequences show of a customer."""

from crm_api.domains.sequences.models import UNDER_WAY
from crm_api.domains.sequences.service import EnrolmentService
from crm_api.kit.crud.picturing import Pictured, listed

_UNDER_WAY = Pictured(
    EnrolmentService,
    {"status": {"in": list(UNDER_WAY)}},
    lambda v: v["status"] in UNDER_WAY,
    company="contact.company_id",
)
SECTIONS = (
    listed(
        "sequences",
        "advertising",
        _UNDER_WAY,
        ("sequence_id", "contact_id", "status", "step", "waiting_for", "next_at", "owner_id"),
    ),
)
