"""Prices of 100 and 200 lines over 100,000 rules, each question timed by itself."""

import json
from statistics import quantiles
from typing import Any

from benchmarks import load
from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import Server, WrongAnswer, serving
from benchmarks.stage import Stage

RULES = 100_000
QUESTIONS = 60
"""For each number of lines, each about other products."""
P50_MS = {100: 20, 200: 30}
_COPIES = """
    INSERT INTO products SELECT (jsonb_populate_record(p, jsonb_build_object(
        'id', gen_random_uuid(), 'sku', 'SKU-' || n))).*
    FROM products p, generate_series(1, $1::int) n
"""
# Two for each product: a price, and a lower one from ten on.
_RULES = """
    INSERT INTO price_rules SELECT (jsonb_populate_record(r, jsonb_build_object(
        'id', gen_random_uuid(), 'product_id', p.id, 'target_id', p.id,
        'min_quantity', least * 1000000, 'unit_price', r.unit_price - least * 100))).*
    FROM price_rules r JOIN products p ON p.id <> r.product_id, generate_series(0, 10, 10) least
"""
# Rows are made first and compared with each other afterwards, all at once.
_ALONE = "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = 'ex_price_rules_overlap'"


def run(setting: Setting) -> Outcome:
    """Over one connection, through the service with row-level security."""
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        rules = fill(stage, server, setting.size(RULES))
        products = [str(row["id"]) for row in stage.query("SELECT id FROM products ORDER BY id")]
        found = {lines: _times(server, stage, products, lines, setting) for lines in P50_MS}
    shown = table(f"{rules:,} price rules", "lines", "p50 ms", "p95 ms")
    figures = []
    for lines, times in found.items():
        cuts = quantiles(times, n=20)
        shown.add_row(str(lines), f"{cuts[9]:.1f}", f"{cuts[18]:.1f}")
        what = f"prices of {lines} lines, p50 ms"
        figures.append(at_most(what, cuts[9], P50_MS[lines], "{:.1f}"))
    return Outcome(figures, shown, {str(lines): times for lines, times in found.items()})


def fill(stage: Stage, server: Server, rules: int) -> int:
    """Products with two rules each, of prices from one and from ten on; how many rules."""

    def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        _, answer, _ = server.ask(Call("POST", path, json.dumps(body)), stage.token)
        return answer

    product = made(
        "/v1/products",
        {"sku": "SKU", "name": "P", "type": "good", "list_price": "10", "currency": "EUR"},
    )
    of_list = made("/v1/price-lists", {"name": "L", "currency": "EUR"})
    made(f"/v1/price-lists/{of_list['id']}/activate", {})
    rule = {"price_list_id": of_list["id"], "product_id": product["id"], "unit_price": "9"}
    made("/v1/price-rules", rule)
    made("/v1/tax-rates", {"name": "VAT", "country": "DE", "rate": "19"})
    stage.query(_COPIES, rules // 2)
    (alone,) = stage.query(_ALONE)
    stage.query("ALTER TABLE price_rules DROP CONSTRAINT ex_price_rules_overlap")
    stage.query(_RULES)
    stage.query(f"ALTER TABLE price_rules ADD CONSTRAINT ex_price_rules_overlap {alone['text']}")
    stage.query("ANALYZE products, price_rules")
    return stage.query("SELECT count(*) AS rules FROM price_rules")[0]["rules"]


def _times(
    server: Server, stage: Stage, products: list[str], lines: int, setting: Setting
) -> list[float]:
    calls = [_call(products[n % 7 :: max(1, len(products) // lines)][:lines]) for n in range(7)]
    _, answer, _ = server.ask(calls[0], stage.token)
    if {line["unit_price"] for line in answer["lines"]} != {"8.90"}:
        raise WrongAnswer(f"{lines} lines: {answer['lines'][0]['unit_price']}")
    sent = [calls[n % len(calls)] for n in range(QUESTIONS)]
    load.timed(server.url, stage.token, sent, 1)
    return [
        time for _ in range(setting.rounds) for time in load.timed(server.url, stage.token, sent, 1)
    ]


def _call(products: list[str]) -> Call:
    lines = [{"product_id": id, "quantity": "12"} for id in products]
    body = {"currency": "EUR", "country": "DE", "lines": lines}
    return Call("POST", "/v1/pricing/resolve", json.dumps(body))


SECTION = Section("Prices", run, within_s=300)
