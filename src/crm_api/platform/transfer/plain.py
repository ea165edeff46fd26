"""How rows of a file become records of a custom object, and columns custom fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.custom.catalogue import CustomObject
from crm_api.kit.custom.fields import CustomField
from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Draft, Importer
from crm_api.platform.transfer.reading.aliases import PLAIN_FIELDS
from crm_api.platform.transfer.reading.mapping import FieldHint, FieldKind

_CUSTOM_KINDS: Mapping[str, FieldKind] = {
    "integer": "integer",
    "decimal": "money",
    "money": "money",
    "date": "date",
    "bool": "bool",
    "multiselect": "tags",
}


def custom_hint(custom: CustomField) -> FieldHint:
    """A custom field as one that columns may fill."""
    return FieldHint(custom.label, (custom.name,), _CUSTOM_KINDS.get(custom.type, "text"))


class PlainImporter(Importer):
    """Rows of records that have a name, an external id and custom fields."""

    match = ("external_id",)

    def __init__(self, object: CustomObject, service: type[CrudService[Any]]) -> None:
        name = PLAIN_FIELDS["name"]
        own = (object.name_label, object.label)
        self.target = object.key  # pyright: ignore[reportAttributeAccessIssue]
        self.service = service  # pyright: ignore[reportAttributeAccessIssue]
        self.touched = (service,)  # pyright: ignore[reportAttributeAccessIssue]
        self.fields: Mapping[str, FieldHint] = {  # pyright: ignore[reportIncompatibleVariableOverride]
            **PLAIN_FIELDS,
            "name": FieldHint(object.name_label, (*own, *name.aliases), name.kind),
        }

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Its name is all there is to arrange."""
        return {name: texts[name][0] for name in ("name",) if texts.get(name)}, {}

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Rows name no related records; relation fields hold ids."""
        del tx, drafts
