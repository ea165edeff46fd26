"""What becomes of commitments in the background: told of when they are late, or broken."""

from crm_api.domains.commitments.actions import move_on
from crm_api.domains.commitments.service import CommitmentService
from crm_api.kit.crud.due import moving

watch_commitments = moving("crm_commitments_due", CommitmentService, move_on)
