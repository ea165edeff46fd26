"""How rows of a file become units of measure."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.domains.catalogue.categories import UnitService
from crm_api.domains.catalogue.importer import NAMES_OF, translated
from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Draft, Importer, data_of
from crm_api.platform.transfer.reading.aliases import EXTERNAL_ID, hint

_PLAIN = ("key", "name", "symbol", "dimension", "ratio", "decimals")
FIELDS = {
    "key": hint("Key", "Key | Unit Code | Unit | UoM | Code | Kürzel | Код единицы"),
    "name": hint("Name", "Unit Name | Name | Bezeichnung | Nom | Nombre | Название | Наименование"),
    **NAMES_OF,
    "symbol": hint("Symbol", "Symbol | Sign | Abbreviation | Zeichen | Symbole | Обозначение"),
    "dimension": hint(
        "Dimension", "Dimension | Measures | Unit Category | Quantity | Messgröße | Величина"
    ),
    "ratio": hint("Ratio", "Ratio | Factor | Conversion | Faktor | Coefficient", "money"),
    "decimals": hint("Decimals", "Decimals | Digits | Nachkommastellen | Знаков", "integer"),
    "external_id": hint("External ID", f"Unit ID | {EXTERNAL_ID}"),
}


class UnitImporter(Importer):
    """Rows of units, each by its key."""

    target = "unit"
    fields = FIELDS
    match = ("external_id", "key")
    service = UnitService
    touched = (UnitService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The unit of a row, which is whole."""
        data = data_of(texts, _PLAIN)
        names = translated(texts)
        return data | ({"names": names} if names else {}), {}

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """It refers to nothing."""
        del tx, drafts

    def pointed(self, path: Sequence[str]) -> str:
        """Its names in other languages stand in columns of their own."""
        return "name" if path[0] == "names" else super().pointed(path)
