"""How the records of a custom object are listed and found."""

from functools import lru_cache

from sqlalchemy import Select

from crm_api.kit.crud.repository import Repository
from crm_api.kit.custom.catalogue import OBJECTS
from crm_api.kit.query.listing import Listing, Searched
from crm_api.platform.custom_objects.models import CustomRecord
from crm_api.platform.custom_objects.schemas import CustomRecordOut

LISTING: Listing = Listing(
    model=CustomRecord,
    out=CustomRecordOut,
    area=OBJECTS,
    sorts={"name": CustomRecord.sort_name},
    search=Searched(names=("name",)),
)


@lru_cache(maxsize=1_000)
def listing_of(key: str) -> Listing:
    """The records of one object; statements are shared by all organizations that have such a one."""
    return Listing(
        model=CustomRecord,
        out=CustomRecordOut,
        area=OBJECTS,
        sorts=LISTING.sorts,
        search=LISTING.search,
        people=LISTING.people,
        part=(CustomRecord.object, key),
    )


class CustomRecords(Repository[CustomRecord]):
    """The records of one object of an organization."""

    model = CustomRecord
    listing = LISTING

    def select_all(self) -> Select[CustomRecord]:
        """The object's records, those in the bin too."""
        return super().select_all().where(CustomRecord.object == self.listing.entity)


@lru_cache(maxsize=1_000)
def records_of(key: str) -> type[CustomRecords]:
    """The repository of one object."""
    return type("CustomRecords", (CustomRecords,), {"listing": listing_of(key)})
