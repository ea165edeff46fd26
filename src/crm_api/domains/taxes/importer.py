"""How rows of a file become tax rates."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from crm_api.domains.taxes.service import TaxRateService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.values.dates import parse_decimal
from crm_api.kit.values.errors import BadValue
from crm_api.platform.transfer.importer import Draft, Plan, data_of
from crm_api.platform.transfer.reading.aliases import EXTERNAL_ID, hint
from crm_api.platform.transfer.spanning import COUNTS, SpanImporter

_PLAIN = (
    "name",
    "country",
    "code",
    "region",
    "tax_category",
    "kind",
    "rate",
    "compound",
    "position",
    "valid_from",
    "valid_to",
)
_KINDS: Final[Mapping[str, str]] = {
    "normal": "standard",
    "regelsatz": "standard",
    "основная": "standard",
    "ermäßigt": "reduced",
    "пониженная": "reduced",
    "zero rated": "zero",
    "zero_rated": "zero",
    "nullsatz": "zero",
    "нулевая": "zero",
    "steuerfrei": "exempt",
    "без ндс": "exempt",
    "reverse charge": "reverse_charge",
}
"""What other systems call the kinds."""
FIELDS = {
    "name": hint("Name", "Name | Tax Name | Tax | Label | Bezeichnung | Nom | Nombre | Название"),
    "country": hint(
        "Country",
        "Country | Country Code | Land | Ländercode | Pays | País | Страна | Код страны",
        "country",
    ),
    "region": hint("Region", "Region | State | State Code | Province | Bundesland | Регион"),
    "code": hint("Code", "Code | Tax Code | Tax Type | Steuerart | Код налога"),
    "tax_category": hint(
        "Tax category",
        "Tax Category | Tax Class | Product Tax Category | Steuerklasse | Категория налога",
    ),
    "kind": hint("Kind", "Kind | Rate Type | Type | Art | Satzart | Вид ставки"),
    "rate": hint(
        "Rate",
        "Rate | Rate % | Tax Rate | Percent | Percentage | Steuersatz | Satz | Taux | Tipo | Ставка",
    ),
    "compound": hint("Compound", "Compound | Is Compound | Cumulative", "bool"),
    "position": hint("Position", "Position | Priority | Order | Reihenfolge", "integer"),
    "valid_from": hint(
        "Valid from",
        "Valid From | Start Date | Effective From | Gültig ab | Valable du | Действует с",
        "date",
    ),
    "valid_to": hint(
        "Valid to",
        "Valid To | Valid Until | End Date | Effective To | Gültig bis | Действует до",
        "date",
    ),
    "external_id": hint("External ID", f"Tax ID | Tax Rate ID | {EXTERNAL_ID}"),
}


class TaxRateImporter(SpanImporter):
    """Rows of rates; what counts for the same from the same day on is the same rate."""

    target = "tax_rate"
    fields = FIELDS
    match = ("external_id", COUNTS)
    service = TaxRateService
    touched = (TaxRateService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The rate of a row; raises `Invalid`."""
        data = data_of(texts, _PLAIN)
        if "rate" in data:
            data["rate"] = _percent(data["rate"])
        if "kind" in data:
            kind = data["kind"].strip().lower()
            data["kind"] = _KINDS.get(kind, kind)
        return data, {}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """It refers to nothing, so what it counts for is known at once."""
        await self.known(tx, drafts, plan)

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """It refers to nothing."""
        del tx, drafts


def _percent(text: str) -> Decimal:
    """The number in `19`, `19,0` or `19 %`."""
    try:
        return parse_decimal(text.strip().removesuffix("%"))
    except BadValue as error:
        raise Invalid.at("/rate", error.code, str(error)) from None
