"""What endpoints are told of modules that are switched off: it waits until they are on again."""

from crm_api.kit.crud.sight import Services
from crm_api.kit.custom.catalogue import OBJECTS
from crm_api.kit.db.tx import Tx

PARKED = "module_disabled"
"""The `last_error` of a delivery that waits for a module."""
PARKED_S = 3_600
"""Then it is looked at again, if nobody did so when the module was switched on."""


def parked_kinds(tx: Tx, services: Services) -> list[str]:
    """The kinds of records whose modules are switched off, by which their events are called."""
    areas = tx.catalogue.switches.areas
    off = {area for area, closed in areas.items() if closed.state == "disabled"}
    if not off:
        return []
    kinds = [kind for kind, service in services.items() if service.area in off]
    return [*kinds, *(tx.catalogue.objects if OBJECTS in off else ())]


def kind_of(type: str) -> str:
    """The kind of record that an event is about."""
    return type.partition(".")[0]
