"""What becomes of contracts in the background: told of before they end, and ended by their days."""

from crm_api.domains.orders.contracts import ContractService
from crm_api.domains.orders.renewing import move_on
from crm_api.kit.crud.due import moving

watch_contracts = moving("crm_contracts_due", ContractService, move_on)
