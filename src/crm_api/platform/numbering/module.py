"""Number sequences as a part of the product."""

from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.module import Faces, Module
from crm_api.platform.numbering.service import NumberSequenceService


def _faces() -> Faces:
    from crm_api.platform.numbering.graphql import MUTATIONS, QUERIES
    from crm_api.platform.numbering.rest import router

    return Faces(
        routers=[router],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="numbering",
    title="Number sequences",
    description="Running numbers of documents, without gaps.",
    faces=_faces,
    appliers=[CollectionApplier(NumberSequenceService, by=["key"])],
    managed={"number_sequences": Managed("manage_settings")},
    services=[NumberSequenceService],
    events=["number_sequence.taken"],
)
