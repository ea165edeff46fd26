"""By which unit a line is of its product, and whether there can be so many of it: pure."""

from decimal import Decimal

from crm_api.domains.catalogue.sold import is_countable, too_many_decimals
from crm_api.domains.prices.asking import PriceLineInput
from crm_api.domains.prices.gathering import Facts, Row
from crm_api.kit.errors import Invalid
from crm_api.kit.pricing.rounding import ONE


def factor_of(place: int, line: PriceLineInput, product: Row, facts: Facts) -> Decimal:
    """How many of the product's units one of the line's is; raises `Invalid`."""
    own = product["unit_id"]
    if line.unit_id is None or str(line.unit_id) == own:
        return ONE
    unit, base = facts.units.get(str(line.unit_id)), facts.units.get(own or "")
    pointer = f"/lines/{place}/unit_id"
    if unit is None:
        raise Invalid.at(pointer, "unknown_reference", "There is no such unit.")
    if base is None or unit["dimension"] != base["dimension"]:
        raise Invalid.at(pointer, "other_dimension", "The product is not sold by this unit.")
    return Decimal(unit["ratio"]) / Decimal(base["ratio"])


def too_fine(place: int, line: PriceLineInput, product: Row | None, facts: Facts) -> Invalid | None:
    """Why there can be no such quantity of the unit that it is in."""
    own = line.unit_id or (None if product is None else product["unit_id"])
    unit = None if own is None else facts.units.get(str(own))
    if unit is None or is_countable(line.quantity, unit["decimals"]):
        return None
    return too_many_decimals(f"/lines/{place}/quantity", unit["decimals"])
