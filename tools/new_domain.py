"""A new domain package in the shape of the others, and a list of what is left to do by hand."""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from string import Template

ROOT = Path(__file__).parents[1]
DOMAINS = ROOT / "src" / "crm_api" / "domains"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

FILES = {
    "__init__.py": '''"""$Title: say in one line what the package owns.

Invariants: a $word has a name.
"""
''',
    "models.py": '''"""The table of $words."""

from crm_api.kit.db.base import Entity
from crm_api.kit.db.columns import Described, Named, ordered


class $One(Named, Described, Entity):
    """One $word."""

    __tablename__ = "$many"
    __table_args__ = ordered("$many", "created_at", "updated_at", "sort_name")
    entity = "$one"
''',
    "schemas.py": '''"""What a $word looks like from outside."""

from pydantic import Field

from crm_api.kit.schema import Create, DescribedFields, DescribedOut, Name, Out, patch_of


class ${One}Create(DescribedFields, Create):
    """The fields of a new $word."""

    name: Name = Field(description="The name it goes by.", examples=["Example"])


${One}Update = patch_of("${One}Update", ${One}Create)


class ${One}Out(DescribedOut, Out):
    """The fields of a $word."""

    name: str
''',
    "repository.py": '''"""How $words are listed and found."""

from crm_api.domains.$many.models import $One
from crm_api.domains.$many.schemas import ${One}Out
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Searched

LISTING: Listing = Listing(
    model=$One,
    out=${One}Out,
    area="$many",
    sorts={"name": $One.sort_name},
    search=Searched(names=("name",), others=("external_ids", "tags", "description")),
)


class $Many(Repository[$One]):
    """The $words of an organization."""

    model = $One
    listing = LISTING
''',
    "service.py": '''"""The rules of $words."""

from crm_api.domains.$many.models import $One
from crm_api.domains.$many.repository import $Many
from crm_api.domains.$many.schemas import ${One}Create, ${One}Update
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal


class ${One}Service(NamedService[$One]):
    """Create, change, bin and restore $words."""

    repository = $Many
    area = "$many"
    plural = "$many"
    personal = Impersonal("Not about people.")
    create_shape = ${One}Create
    update_shape = ${One}Update
''',
    "rest.py": '''"""$Title over REST."""

from crm_api.domains.$many.service import ${One}Service
from crm_api.kit.rest.router import crud_router

router = crud_router(${One}Service)
''',
    "graphql.py": '''"""$Title over GraphQL."""

from crm_api.domains.$many.schemas import ${One}Out
from crm_api.domains.$many.service import ${One}Service
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.types import type_from


@type_from(${One}Out)
class $One:
    """One $word."""


$CONSTANT = Collection(${One}Service, $One)
Query = $CONSTANT.query()
Mutation = $CONSTANT.mutation()
''',
    "module.py": '''"""$Title as a part of the product."""

from crm_api.domains.$many.graphql import Mutation, Query
from crm_api.domains.$many.rest import router
from crm_api.domains.$many.service import ${One}Service
from crm_api.kit.module import Module

MODULE = Module(
    key="$many",
    title="$Title",
    description="What it is for, in one sentence.",
    routers=[router],
    queries=[Query],
    mutations=[Mutation],
    services=[${One}Service],
)
''',
}

LEFT = """Left to do by hand:
 1. src/crm_api/domains/$many/: what the package owns, its columns, shapes and rules.
 2. src/crm_api/registry.py:
        from crm_api.domains.$many.module import MODULE as $CONSTANT
    and in DOMAINS, behind $AFTER: $CONSTANT
 3. pyproject.toml, [[tool.importlinter.contracts]]:
        "The ladder of domains": "$many" right before "$after" in layers
        "Inside a domain": "crm_api.domains.$many" in containers
        "A repository is private to its domain": "crm_api.domains.$many.service" and
        "crm_api.domains.$many.graphql" in source_modules
 4. migrations/versions/: a file named by date that creates the table with its indexes and says
        ddl.protect("$many")
 5. tests/support/factories.py, in FACTORIES:
        "$many": Factory(...)
    and tests/domains/$many/ for what is its own.
 6. make schema && make check && make test
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the package; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the plural in snake_case, such as tickets or price_lists")
    parser.add_argument("--after", required=True, help="the domain right below it on the ladder")
    parser.add_argument("--singular", help="where dropping the s is wrong, such as person")
    given = parser.parse_args(arguments)
    many, after = given.name, given.after
    one = given.singular or singular_of(many)
    for name in (many, one):
        if not NAME.fullmatch(name):
            parser.error(f"{name!r} is not snake_case")
    if one == many:
        parser.error(f"what is one of the {many} called? Say --singular")
    if not (DOMAINS / after / "module.py").is_file():
        parser.error(f"there is no domain {after!r}")
    if (DOMAINS / many).exists():
        parser.error(f"the domain {many!r} is there already")
    names = names_of(many, one, after)
    write(DOMAINS / many, names)
    print(f"Made {DOMAINS / many}\n\n{Template(LEFT).substitute(names)}", end="")
    return 0


def singular_of(many: str) -> str:
    """A guess: `tickets` is `ticket`, `policies` is `policy`, `branches` is `branch`."""
    if many.endswith("ies"):
        return many[:-3] + "y"
    if many.endswith(("ches", "shes", "sses", "xes")):
        return many[:-2]
    return many.removesuffix("s")


def names_of(many: str, one: str, after: str) -> dict[str, str]:
    """Every form of the names that the files need."""
    return {
        "many": many,
        "one": one,
        "after": after,
        "words": many.replace("_", " "),
        "word": one.replace("_", " "),
        "Title": many.replace("_", " ").capitalize(),
        "Many": camel(many),
        "One": camel(one),
        "CONSTANT": many.upper(),
        "AFTER": after.upper(),
    }


def camel(name: str) -> str:
    """`price_list` is `PriceList`."""
    return "".join(word.capitalize() for word in name.split("_"))


def write(package: Path, names: dict[str, str]) -> None:
    """The files of the package, formatted."""
    package.mkdir()
    for file, text in FILES.items():
        (package / file).write_text(Template(text).substitute(names), encoding="utf-8")
    # Long names break lines that the templates keep whole.
    for command in (("check", "--quiet", "--select", "I", "--fix"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *command, str(package)], check=True)  # noqa: S603 - own arguments


if __name__ == "__main__":
    sys.exit(main())
