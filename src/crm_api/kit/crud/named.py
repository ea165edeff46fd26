"""Collections of records that have a name."""

from typing import Any

from crm_api.kit.crud.service import CrudService, E
from crm_api.kit.values.names import sort_key


class NamedService(CrudService[E]):
    """Keeps the sort key in line with the name."""

    @classmethod
    def derive(cls, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """The sort key follows the name."""
        del current
        if "name" in values:
            values["sort_name"] = sort_key(values["name"])
        return values
