"""Plans of queries, and carrying them out: the reads of REST, a statement per relation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
from graphql import VariableValues

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.graphql.relations import Count, asked
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import Form, Included, PageQuery, Selection

Arguments = Callable[[VariableValues], dict[str, Any]]
Show = Callable[[Page, str | None], Any]


class NotPlanned(Exception):
    """A query, or a value that it found, that has to be resolved field by field."""


@dataclass(frozen=True)
class NodePlan:
    """How rows become objects: columns, their names in the answer, and what they refer to."""

    fields: tuple[str, ...]
    shape: type[msgspec.Struct]
    finish: Callable[[list[Any]], None] | None
    relations: Mapping[str, "tuple[Relation, Arguments, NodePlan | Connection]"]

    @cached_property
    def form(self) -> Form:
        """The struct of a row."""
        return Form(self.shape, self.finish)

    @cached_property
    def _plain(self) -> Selection:
        return Selection(self.fields, {}, self.form)

    def selection(self, tx: Tx, variables: VariableValues) -> Selection:
        """What is read, with these variables."""
        if not self.relations:
            return self._plain
        included = {
            name: _included(relation, inner, arguments, tx, variables)
            for name, (relation, arguments, inner) in self.relations.items()
        }
        return Selection(self.fields, included, self.form)


def _included(
    relation: Relation,
    inner: "NodePlan | Connection",
    arguments: Arguments,
    tx: Tx,
    variables: VariableValues,
) -> Included:
    if isinstance(inner, NodePlan):
        return Included(relation, PageQuery(inner.selection(tx, variables)), _itself)
    query = inner.query(tx, variables, arguments)
    return Included(relation, query, lambda page: inner.show(page, query.cursor))


def _itself(page: Any) -> Any:
    return page


@dataclass
class Connection:
    """How a page becomes a connection."""

    listing: Listing
    count: Count = None
    rows: NodePlan | None = None
    parts: list[tuple[str, Show]] = field(default_factory=list[tuple[str, Show]])

    def add(self, key: str, show: Show) -> None:
        """One more member of the answer."""
        self.parts.append((key, show))

    def show_rows(self, rows: NodePlan) -> None:
        """How its rows are shown; raises `NotPlanned` where they are shown in another way too."""
        if self.rows is not None:
            raise NotPlanned
        self.rows = rows

    def query(self, tx: Tx, variables: VariableValues, arguments: Arguments) -> PageQuery:
        """The page that is read."""
        rows = self.rows
        selection = Selection(("id",)) if rows is None else rows.selection(tx, variables)
        given = arguments(variables)
        return asked(self.listing, tx, **given, count=self.count, selection=selection)

    def show(self, page: Page, after: str | None) -> dict[str, Any]:
        """The page as a connection."""
        return {key: show(page, after) for key, show in self.parts}


@dataclass(frozen=True)
class Root:
    """A field of the query itself: a page, or one record."""

    service: type[CrudService[Any]]
    arguments: Arguments
    page: Connection | None
    row: NodePlan | None

    async def read(self, tx: Tx, variables: VariableValues) -> Any:
        """Its value, ready to be encoded."""
        service = self.service(tx)
        if self.page is not None:
            query = self.page.query(tx, variables, self.arguments)
            return self.page.show(await service.page(query), query.cursor)
        assert self.row is not None
        given = self.arguments(variables)
        if given.get("as_of") is not None:
            raise NotPlanned
        try:
            return await service.get(given["id"], self.row.selection(tx, variables))
        except NotFound:
            return None


@dataclass(frozen=True)
class Plan:
    """The reads of a query, or the constant that a field is."""

    roots: Mapping[str, Root | str]

    async def read(self, tx: Tx, variables: VariableValues) -> dict[str, Any]:
        """The data of the answer; raises what REST would, and `NotPlanned`."""
        return {
            key: root if isinstance(root, str) else await root.read(tx, variables)
            for key, root in self.roots.items()
        }
