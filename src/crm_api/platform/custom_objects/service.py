"""The use cases of records of custom objects: those of any plain collection."""

from functools import lru_cache
from typing import Any, ClassVar

from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.custom.catalogue import OBJECTS
from crm_api.kit.db.tx import Tx
from crm_api.platform.custom_objects.models import CustomRecord
from crm_api.platform.custom_objects.repository import CustomRecords, records_of
from crm_api.platform.custom_objects.schemas import CustomRecordCreate, CustomRecordUpdate


class CustomRecordService(NamedService[CustomRecord]):
    """The records of the object that a request is about."""

    repository = CustomRecords
    area = OBJECTS
    plural = "custom_records"
    personal = Impersonal("Of kinds of the organization's own; those that name a person are told.")
    create_shape = CustomRecordCreate
    update_shape = CustomRecordUpdate
    plain = False
    records: CustomRecords
    key: ClassVar[str | None] = None
    """The object, where it does not depend on the request."""

    def found_in(self, tx: Tx) -> CustomRecords:
        """The object's records; raises `NotFound`."""
        return records_of(tx.catalogue.object(self.key or tx.subject or "").key)(tx)

    @classmethod
    def route_of(cls) -> str:
        """The object is a part of the path."""
        return "objects/{object}"

    @property
    def path(self) -> str:
        """Where they are on the wire."""
        return f"/v1/objects/{self.records.listing.entity}"

    def add(self, values: dict[str, Any]) -> Any:
        """Store prepared values as a new record of the object."""
        return super().add({**values, "object": self.records.listing.entity})


@lru_cache(maxsize=1_000)
def service_of_object(key: str) -> type[CustomRecordService]:
    """The service of one object, whatever a request is about."""
    bound = {"repository": records_of(key), "key": key}
    return type("CustomRecordService", (CustomRecordService,), bound)
