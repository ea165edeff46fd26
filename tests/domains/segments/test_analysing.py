"""What segments have in common, what tells them apart, and what is found in purchases."""

import math
import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.segments import arithmetic
from crm_api.domains.segments.arithmetic import (
    clusters,
    explained,
    group_of,
    rand_index,
    scores,
    silhouette,
)
from support.clients import pointers, problem
from support.segments import matching, people, track


async def by_hand(client, name, ids):
    made = await client.made("segments", {"name": name, "kind": "static"})
    answer = await client.post(f"/v1/segments/{made['id']}/members", json={"add": ids})
    assert answer.status_code == 200, answer.text
    return made["id"]


async def test_overlap_adds_up(client):
    a, b, c, d = await people(client, "A", "B", "C", "D")
    one = await by_hand(client, "One", [a, b, c])
    two = await by_hand(client, "Two", [b, c, d])
    three = await by_hand(client, "Three", [c])
    told = await client.read("segments/overlap", ids=f"{one},{two},{three}")
    assert told["sizes"] == [3, 3, 1]
    assert [(pair["both"], pair["jaccard"]) for pair in told["pairs"]] == [
        (2, 0.5),
        (1, 0.333333),
        (1, 0.333333),
    ]
    mixes = {tuple(mix["segment_ids"]): mix["count"] for mix in told["mixes"]}
    assert mixes == {(one,): 1, (two,): 1, (one, two): 1, (one, two, three): 1}
    for ids in (one, f"{one},{one}", "x,y"):
        problem(await client.get("/v1/segments/overlap", params={"ids": ids}), 422)
    document = "query($i: [UUID!]!) { segmentOverlap(ids: $i) { pairs { both jaccard } } }"
    shown = await client.data(document, i=[one, two])
    assert shown["segmentOverlap"]["pairs"] == [{"both": 2, "jaccard": 0.5}]


async def test_whoever_sees_less_counts_less(client, world):
    del world
    a, b = await people(client, "A", "B")
    one, two = await by_hand(client, "One", [a, b]), await by_hand(client, "Two", [a])
    await client.delete(f"/v1/contacts/{a}")
    told = await client.read("segments/overlap", ids=f"{one},{two}")
    assert told["sizes"] == [1, 0]
    assert told["pairs"][0]["jaccard"] == 0


async def test_what_tells_two_apart_comes_first(client):
    first = await people(client, *"ABCDEF", source="fair")
    second = await people(client, *"GHIJK", source="web", lifecycle="customer")
    both = await people(client, "L", source="fair")
    one = await by_hand(client, "One", first + both)
    two = await by_hand(client, "Two", [*second, *both])
    body = {"first_id": one, "second_id": two, "fields": ["source", "lifecycle"]}
    told = (await client.post("/v1/segments/compare", json=body)).json()
    assert (told["first_size"], told["second_size"], told["common"]) == (7, 6, 1)
    best = told["contrasts"][0]
    # 6 of 6 against 0 of 5: z is the root of 11, and of four tests p is adjusted.
    assert (abs(best["z"]), best["p"] < 0.01) == (pytest.approx(11**0.5, abs=1e-6), True)
    fair = next(one for one in told["contrasts"] if one["value"] == "fair")
    assert (fair["first"], fair["second"], fair["first_share"]) == (6, 0, 1)
    assert (fair["lift"], fair["first_interval"][1]) == (None, 1)
    # Of one and all the others.
    alone = {"first_id": one, "fields": ["source"]}
    told = (await client.post("/v1/segments/compare", json=alone)).json()
    assert (told["first_size"], told["second_size"], told["common"]) == (7, 5, 0)
    wrong = await client.post("/v1/segments/compare", json={**alone, "fields": ["emails"]})
    assert pointers(problem(wrong, 422)) == ["/fields/0"]
    same = {**alone, "second_id": one}
    problem(await client.post("/v1/segments/compare", json=same), 422)


async def won(client, contact, amount, count=1):
    for _ in range(count):
        body = {"name": "D", "contact_id": contact, "amount": amount}
        deal = await client.made("deals", body)
        answer = await client.post(f"/v1/deals/{deal['id']}/win", json={})
        assert answer.status_code == 200, answer.text


async def discovered(client, **body):
    answer = await client.post("/v1/segments/discover", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_customers_are_told_by_what_they_bought(client):
    a, b, c, d, _ = await people(client, "A", "B", "C", "D", "Never bought")
    for person, amount, count in ((a, "10", 1), (b, "10", 1), (c, "900", 4), (d, "1000", 5)):
        await won(client, person, amount, count)
    told = await discovered(client)
    assert (told["customers"], told["left_out"]) == (4, 0)
    assert sum(cell["count"] for cell in told["cells"]) == 4
    # Who bought as often has one score, whoever that is.
    assert {cell["frequency"] for cell in told["cells"]} == {2, 4, 5}
    # All of them bought on one day, which is neither late nor early.
    assert {cell["recency"] for cell in told["cells"]} == {3}
    assert "lost" not in {group["name"] for group in told["groups"]}
    assert sum(float(group["monetary"]) for group in told["groups"]) == 8_620
    body = {"method": "clusters", "clusters": 2}
    told = await discovered(client, **body)
    assert [one["count"] for one in told["clusters"]] == [2, 2]
    assert all((one["precision"], one["recall"]) == (1, 1) for one in told["clusters"])
    for one in told["clusters"]:
        said = {"filter": one["filter"]}
        found = (await client.post("/v1/segments/preview", json=said)).json()
        assert found["count"] == one["count"]
    again = await discovered(client, **body)
    assert again["clusters"][0]["count"] == 2
    static = await by_hand(client, "S", [a])
    some = {"segment_id": static}
    assert (await discovered(client, **some))["customers"] == 1
    few = {**body, **some}
    problem(await client.post("/v1/segments/discover", json=few), 422)
    document = """query($i: DiscoverInput!) { segmentDiscovery(input: $i) {
        customers groups { name count } } }"""
    assert (await client.data(document, i={}))["segmentDiscovery"]["customers"] == 4


LATELY = "UPDATE deals SET closed_at = $2 WHERE id = $1"


@pytest.mark.parametrize("seed", [1, 2])
async def test_cells_and_clusters_have_filters_of_whom_is_in_them(client, owner, seed):
    dice, now = random.Random(seed), datetime.now(UTC)
    ids = await people(client, *(f"Person {n}" for n in range(18)))
    bought = {id: dice.choice([0, 1, 1, 2, 3, 5]) for id in ids}
    for id, number in bought.items():
        for _ in range(number):
            await won(client, id, str(dice.choice([10, 99.5, 100, 2_000])))
    for deal in (await client.read("deals", limit=200))["data"]:
        moment = now - timedelta(days=dice.choice([0, 1, 9, 40, 100]), hours=dice.random() * 5)
        await owner.execute(LATELY, UUID(deal["id"]), moment)
    lost = await client.made("deals", {"name": "D", "contact_id": ids[0]})
    await client.post(f"/v1/deals/{lost['id']}/lose", json={})
    told = await discovered(client)
    assert len(told["cells"]) > 3
    seen = []
    for cell in told["cells"]:
        found = await matching(client, cell["filter"])
        assert len(found) == cell["count"], cell
        seen += found
    assert len(set(seen)) == len(seen) == sum(number > 0 for number in bought.values())
    told = await discovered(client, method="clusters", clusters=3)
    for one in told["clusters"]:
        # Of so many whom the rules hold for, so many are of it.
        found = await matching(client, one["filter"])
        assert round(len(found) * one["precision"]) == round(one["count"] * one["recall"])


async def test_a_cluster_that_money_tells_has_a_filter(client):
    ids = await people(client, "A", "B", "C", "D", "E")
    for id, amount in zip(ids, ("10", "12.5", "9000", "9500.55", "9500.55"), strict=True):
        await won(client, id, amount)
    told = await discovered(client, method="clusters", clusters=2)
    found = {one["count"]: one for one in told["clusters"]}
    assert {rule["feature"] for one in found.values() for rule in one["rules"]} == {"monetary"}
    assert await matching(client, found[2]["filter"]) == ["A", "B"]
    assert await matching(client, found[3]["filter"]) == ["C", "D", "E"]


async def test_cohorts_count_who_did_something_and_leave_open_what_is_not_over(client):
    a, _ = await people(client, "A", "B")
    await track(client, {"name": "page.viewed", "contact_id": a})
    (cohort,) = (await client.read("segments/cohorts"))["data"]
    month = datetime.now(UTC).date().replace(day=1).isoformat()
    assert (cohort["month"], cohort["size"]) == (month, 2)
    assert (cohort["active"], cohort["retention"]) == ([None], [None])
    problem(await client.get("/v1/segments/cohorts?months=99"), 422)
    shown = await client.data("{ segmentCohorts { data { size active } } }")
    assert shown["segmentCohorts"]["data"] == [{"size": 2, "active": [None]}]


def test_equal_values_have_equal_scores():
    assert scores(np.array([1.0, 1, 1, 1, 2])).tolist() == [3, 3, 3, 3, 5]
    assert scores(np.array([1.0, 2, 2, 2, 2])).tolist() == [1, 4, 4, 4, 4]
    assert scores(np.arange(10.0)).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for number in (1, 2, 3, 10):
        assert scores(np.zeros(number)).tolist() == [3] * number
    assert scores(np.array([])).tolist() == []


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_scores_are_quintiles_of_mean_ranks(values):
    """As whole numbers have them: the more the more, and none is all of them."""
    told = scores(np.array(values, dtype=np.float64)).tolist()
    for value, score in zip(values, told, strict=True):
        ranks = [rank for rank, one in enumerate(sorted(values), 1) if one == value]
        share = (Fraction(sum(ranks), len(ranks)) - Fraction(1, 2)) / len(values)
        assert score == 1 + math.floor(5 * share)
    assert sorted(told) == [score for _, score in sorted(zip(values, told, strict=True))]
    if len(set(values)) > 1:
        assert told[values.index(min(values))] <= 3 <= told[values.index(max(values))]


def test_scores_are_those_of_the_published_example():
    """Five customers of https://travis.giggy.com/miki/108.30.10.20.20.10.10.html: how many days ago
    they bought, how often, and for how much.
    """
    days, times, spent = [3, 6, 45, 21, 14], [6, 10, 1, 2, 4], [540, 940, 30, 64, 169]
    assert scores(-np.array(days, float)).tolist() == [5, 4, 1, 2, 3]
    assert scores(np.array(times, float)).tolist() == [4, 5, 1, 2, 3]
    assert scores(np.array(spent, float)).tolist() == [4, 5, 1, 2, 3]


def test_centres_are_those_of_scikit_learn():
    """The example of its documentation of `KMeans`: six points about (10, 2) and (1, 2)."""
    points = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]], float)
    centres = arithmetic._best(points, 2, np.random.default_rng(0))
    assert sorted(centres.tolist()) == [[1, 2], [10, 2]]
    labels = arithmetic._nearest(np.array([[0, 0], [12, 3]], float), centres)
    assert centres[labels].tolist() == [[1, 2], [10, 2]]


def test_every_score_has_a_name():
    names = {group_of(r, f, m) for r in range(1, 6) for f in range(1, 6) for m in range(1, 6)}
    assert {"champions", "at_risk", "lost"} <= names
    assert group_of(5, 5, 5) == "champions"
    # Whoever bought once, as most did, is new, and later lost.
    assert (group_of(5, 2, 3), group_of(1, 2, 3)) == ("new", "lost")
    assert group_of(1, 1, 5) == "lost"


def test_clusters_are_found_and_explained():
    chance = np.random.default_rng(1)
    near = np.column_stack([chance.uniform(1, 9, 60), chance.integers(8, 12, 60), chance.uniform(900, 999, 60)])  # fmt: skip
    far = np.column_stack([chance.uniform(300, 400, 40), np.ones(40), chance.uniform(5, 9, 40)])
    features = np.vstack([near, far])
    found = clusters(features, 2)
    assert len({*found.labels[:60].tolist()}) == len({*found.labels[60:].tolist()}) == 1
    assert found.labels[0] != found.labels[60]
    assert found.silhouette > 0.6
    assert found.stability > 0.95
    rules, precision, recall = explained(features, found.labels == found.labels[0])
    assert (len(rules), precision, recall) == (1, 1, 1)
    assert clusters(features, 2).labels.tolist() == found.labels.tolist()


def test_of_many_the_others_belong_where_they_are_nearest(monkeypatch):
    chance = np.random.default_rng(2)
    near, far = chance.normal(5, 1, (700, 3)), chance.normal(500, 9, (300, 3))
    features = np.vstack([near, far])
    whole = clusters(features, 2)
    monkeypatch.setattr(arithmetic, "FITTED", 100)
    assert rand_index(clusters(features, 2).labels, whole.labels) == 1
    assert len({*whole.labels[:700].tolist()}) == len({*whole.labels[700:].tolist()}) == 1


def test_rand_index_and_silhouette_agree_with_what_is_known():
    # Hubert and Arabie's index of scikit-learn's documentation: 0.57 for these two.
    one, other = np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])
    assert rand_index(one, other) == pytest.approx(0.5714, abs=1e-4)
    assert rand_index(one, one) == 1
    # By hand: points 0, 1 and 10: (9.5-1)/9.5... with the lone one counting nothing.
    points = np.array([[0.0], [1.0], [10.0]])
    worth = silhouette(points, np.array([0, 0, 1]), np.random.default_rng(0))
    assert worth == pytest.approx(((10 - 1) / 10 + (9 - 1) / 9) / 3)
