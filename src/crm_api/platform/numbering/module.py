"""Number sequences as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.numbering.graphql import MUTATIONS, QUERIES
from crm_api.platform.numbering.rest import router
from crm_api.platform.numbering.service import NumberSequenceService

MODULE = Module(
    name="numbering",
    routers=[router],
    queries=QUERIES,
    mutations=MUTATIONS,
    services=[NumberSequenceService],
    events=["number_sequence.taken"],
)
