"""How rows of a file become categories of products."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.categories import ProductCategoryService
from crm_api.domains.catalogue.importer import NAMES_OF, PATH, path_key, translated
from crm_api.domains.catalogue.repository import ProductCategories
from crm_api.kit.crud.index import external_key
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.platform.transfer.importer import Draft, Importer, Plan, data_of
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, hint

FIELDS = {
    "name": hint(
        "Name",
        """Category Name | Name | Category | Title | Path | Category Path | Full Name | Warengruppe
    Kategorie | Produktgruppe | Bezeichnung | Catégorie | Nom | Categoría | Nombre | Категория
    Название | Наименование | Группа""",
    ),
    **NAMES_OF,
    "parent": hint(
        "Parent",
        """Parent | Parent Category | Parent Name | Parent Path | Above | Übergeordnete Kategorie
    Obergruppe | Catégorie parente | Categoría padre | Родительская категория | Родитель""",
    ),
    "parent_external_id": hint(
        "Parent's external ID", "Parent ID | Parent Category ID | Parent External ID | Код родителя"
    ),
    "position": hint(
        "Position", "Position | Sort Order | Order | Reihenfolge | Порядок", "integer"
    ),
    "description": hint("Description", DESCRIPTION),
    "external_id": hint("External ID", f"Category ID | {EXTERNAL_ID}"),
}
_BY_ID = "parent_external_id"
Parent = UUID | Draft
"""A category that is stored, or that an earlier row becomes."""


class CategoryImporter(Importer):
    """Rows of categories; what they are below is there already, or stands in an earlier row.

    The same path is the same category: `Devices > Printers`, in one column or with its parent in
    another.
    """

    target = "product_category"
    fields = FIELDS
    match = ("external_id", "path")
    service = ProductCategoryService
    touched = (ProductCategoryService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The category of a row, and what it calls the one above it; raises `Invalid`."""
        data = data_of(texts, ("name", "description", "position"))
        named: dict[str, Any] = {
            name: next(iter(texts.get(name, ())), None) for name in ("parent", "parent_external_id")
        }
        above, is_path, name = str(data.get("name", "")).rpartition(PATH)
        if is_path:
            if not all(part.strip() for part in (*above.split(PATH), name)):
                raise Invalid.at("/name", "invalid_path", "Not as in `Devices > Printers`.")
            data["name"] = name.strip()
            named["parent"] = PATH.join(filter(None, (named["parent"], above)))
        if names := translated(texts):
            data["names"] = names
        return data, named

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find parents by path, name or external id, among what is stored and the rows before."""
        stored = dict(await ProductCategories(tx).named())
        known = _Known(stored)
        ids = [id for draft in drafts if (id := draft.related["parent_external_id"])]
        keys = [external_key(plan.source, id) for id in ids]
        found = await ProductCategories(tx).by_keys("external", keys) if keys else {}
        for draft in drafts:
            parents = list(known.parents(draft, found, plan)) if _has_parent(draft) else [None]
            if len(parents) != 1:
                code = "ambiguous_parent" if parents else "unknown_parent"
                message = f"{len(parents) or 'No'} category of that name is there, or before it."
                by = "parent_id" if draft.related["parent_external_id"] is None else _BY_ID
                draft.faults.append(self.located(Fault(code, message, f"/{by}"), draft, plan))
                continue
            draft.related["above"] = parents[0]
            path = known.add(draft, plan)
            draft.keys = [*(key for key in draft.keys if key[0] != "path"), ("path", path)]
            if isinstance(parents[0], UUID):
                draft.values["parent_id"] = parents[0]
                draft.given |= {"parent_id"}

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Paths are no look-up keys: whoever else imports categories waits."""
        if drafts:
            await lock_graph(tx, "product_categories.path")

    async def holders(self, tx: Tx, drafts: Sequence[Draft]) -> list[tuple[str, str, UUID]]:
        """The categories at these paths."""
        wanted = {value for draft in drafts for kind, value in draft.keys if kind == "path"}
        named = await ProductCategories(tx).named()
        paths = ((path_key(names[-1]), id) for id, names in named)
        return [("path", path, id) for path, id in paths if path in wanted]

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Put rows below those before them, whose ids are known by now."""
        del tx
        for draft in drafts:
            above = draft.related["above"]
            if not isinstance(above, Draft):
                continue
            if above.record_id is None:
                message = f"The category above it, in row {above.number}, is not stored."
                fault = Fault("unknown_parent", message, "/parent_id")
                raise Conflict(message, code="unknown_parent", faults=[fault])
            draft.values["parent_id"] = above.record_id
            draft.given |= {"parent_id"}

    def pointed(self, path: Sequence[str]) -> str:
        """A parent is given by its name."""
        if path[0] == "names":
            return "name"
        return "parent" if path[0] == "parent_id" else super().pointed(path)


class _Known:
    """The categories that a row may stand below: the stored ones, and those of rows before it."""

    def __init__(self, stored: Mapping[UUID, Sequence[str]]) -> None:
        self._paths: dict[Any, str] = {id: path_key(names[-1]) for id, names in stored.items()}
        self._named: dict[str, list[Parent]] = {}
        self._external: dict[str, Draft] = {}
        for id, names in stored.items():
            for key in {path_key(name) for name in names}:
                self._named.setdefault(key, []).append(id)

    def parents(
        self, draft: Draft, external: Mapping[str, Sequence[UUID]], plan: Plan
    ) -> Iterable[Parent]:
        """What a row calls its parent: by the id in the other system, else by path or name."""
        if (id := draft.related["parent_external_id"]) is not None:
            if stored := external.get(external_key(plan.source, id)):
                return stored
            return [self._external[id]] if id in self._external else []
        return self._named.get(path_key(draft.related["parent"]), [])

    def add(self, draft: Draft, plan: Plan) -> str:
        """Let later rows stand below this one; its path."""
        above = draft.related["above"]
        own = path_key(draft.values["name"])
        path = own if above is None else f"{self._paths[_place(above)]}{PATH}{own}"
        self._paths[_place(draft)] = path
        # Of what is stored at this path the row is that.
        if not any(self._paths[_place(one)] == path for one in self._named.get(path, ())):
            for key in {own, path}:
                self._named.setdefault(key, []).append(draft)
        external = draft.values["external_ids"].get(plan.source)
        if external is not None:
            self._external.setdefault(external, draft)
        return path


def _has_parent(draft: Draft) -> bool:
    return any(draft.related[name] is not None for name in ("parent", "parent_external_id"))


def _place(one: Parent) -> Any:
    """Drafts are not to be compared by what is in them."""
    return id(one) if isinstance(one, Draft) else one
