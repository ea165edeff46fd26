"""What is told of deals in the background: that they rot, that their day is over."""

from crm_api.domains.deals.reminding import tell_overdue, tell_rotting
from crm_api.domains.deals.service import DealService
from crm_api.kit.crud.due import moving

tell_of_rotting = moving("crm_deals_rotting", DealService, tell_rotting)
tell_of_overdue = moving("crm_deals_overdue", DealService, tell_overdue)
