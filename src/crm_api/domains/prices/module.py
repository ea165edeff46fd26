"""Prices as a part of the product."""

from crm_api.domains.prices.importer import ContractPriceImporter, PriceRuleImporter
from crm_api.domains.prices.jobs import (
    adjust_rules,
    check_price_list,
    copy_rules,
    follow_days,
    watch_lists,
    watch_price_list,
)
from crm_api.domains.prices.list_importer import PriceListImporter
from crm_api.domains.prices.service import (
    ContractPriceService,
    PriceListService,
    PriceRuleService,
)
from crm_api.domains.prices.settings import AREA, CONFIGURED
from crm_api.domains.prices.watching import CLEARED, FOUND, REMINDERS
from crm_api.kit.access import Managed
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module

_MANAGE = "manage_catalogue"


def _faces() -> Faces:
    from crm_api.domains.prices.graphql import MUTATIONS, QUERIES
    from crm_api.domains.prices.rest import contracts, lists, pricing, products, rules

    return Faces(
        routers=[lists, rules, contracts, pricing, products],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="prices",
    title="Prices",
    description="Price lists, their rules, contract prices, and what lines cost.",
    depends_on=["catalogue", "companies", "contacts", "promotions", "taxes"],
    faces=_faces,
    tags={"pricing": "What lines cost, and why."},
    importers=[PriceListImporter(), PriceRuleImporter(), ContractPriceImporter()],
    jobs=[check_price_list, watch_price_list, copy_rules, adjust_rules],
    chores=[
        Chore("prices.follow_days", follow_days, every_s=600),
        Chore("prices.watch_lists", watch_lists, every_s=86_400),
    ],
    reminders=REMINDERS,
    guarded={FOUND: _MANAGE},
    areas=[AREA],
    managed={AREA: Managed(_MANAGE)},
    events=[
        CONFIGURED,
        FOUND,
        CLEARED,
        *(f"price_list.{verb}" for verb in ("scheduled", "activated", "expired")),
    ],
    services=[PriceListService, PriceRuleService, ContractPriceService],
)
