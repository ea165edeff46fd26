"""Which optional components of a bundle a line takes, and how many: pure, over what was gathered."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from crm_api.domains.catalogue.sold import is_countable, too_many_decimals
from crm_api.domains.prices.asking import ChosenComponent, PriceLineInput
from crm_api.domains.prices.gathering import Facts, Row, quantity
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.pricing.rounding import ONE


def options_of(
    place: int, line: PriceLineInput, product: Row, facts: Facts, *, counted: bool = False
) -> Mapping[str, Decimal]:
    """How many there are in one bundle, by the ids of the components that were chosen.

    Raises `Invalid` for what is no optional component of it, for too few and too many, and for what
    the unit of one does not have, unless it was `counted` so before.
    """
    if not line.components:
        return {}
    known = {row["id"]: row for row in facts.parts.get(product["id"], ()) if row["is_optional"]}
    found: dict[str, Decimal] = {}
    faults: list[Fault] = []
    for n, one in enumerate(line.components):
        id, at = str(one.bundle_component_id), f"/lines/{place}/components/{n}"
        row = known.get(id)
        if row is None:
            message = "It is no optional component of this product."
            faults.append(Fault("not_optional", message, f"{at}/bundle_component_id"))
        elif id in found:
            faults.append(
                Fault("repeated", "Another one is the same.", f"{at}/bundle_component_id")
            )
        else:
            found[id] = _count(one, row)
            faults += out_of_range(found[id], row, f"{at}/quantity")
            if not counted:
                faults += _too_fine(found[id], row, facts, f"{at}/quantity")
    if faults:
        raise Invalid("The components do not fit the bundle.", faults=faults)
    return found


def _count(one: ChosenComponent, row: Row) -> Decimal:
    return quantity(row["quantity"]) or ONE if one.quantity is None else one.quantity


def out_of_range(count: Decimal, row: Row, at: str) -> Iterable[Fault]:
    """What is wrong with so many of a component in one bundle."""
    least, most = quantity(row["min_quantity"]), quantity(row["max_quantity"])
    if least is not None and count < least:
        yield Fault("too_few", "Not less than `min_quantity` of the component.", at)
    if most is not None and count > most:
        yield Fault("too_many", "Not more than `max_quantity` of the component.", at)


def _too_fine(count: Decimal, row: Row, facts: Facts, at: str) -> Iterable[Fault]:
    inside = facts.products.get(row["component_id"])
    unit = None if inside is None else facts.units.get(inside["unit_id"] or "")
    if unit is not None and not is_countable(count, unit["decimals"]):
        yield from too_many_decimals(at, unit["decimals"]).faults
