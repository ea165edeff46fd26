"""An import of a price list of 100,000 rows, and of the same with other prices.

Five quantities of each product; each row finds its list by name and its product by SKU, and must
overlap no other one.
"""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_least, at_most, table
from benchmarks.sections.imports import MEMORY_MB, File, measured
from benchmarks.serving import Server, serving, working
from benchmarks.stage import Stage

ROWS = 100_000
RATE = 2_500
BREAKS = (1, 10, 50, 100, 500)
_COPIES = """
    WITH made AS (
        INSERT INTO products SELECT (jsonb_populate_record(p, jsonb_build_object(
            'id', gen_random_uuid(), 'sku', 'SKU-' || n))).*
        FROM products p, generate_series(0, $1::int - 1) n RETURNING organization_id, id, sku)
    INSERT INTO record_keys (organization_id, entity, kind, value, record_id)
    SELECT organization_id, 'product', 'sku', lower(sku), id FROM made
"""


def run(setting: Setting) -> Outcome:
    """A file of prices into an empty list, and once more."""
    rows = setting.size(ROWS)
    with setting.stage(0) as stage, serving(stage, "ours") as server, working(stage) as worker:
        _fill(stage, server, rows // len(BREAKS))
        # The worker may still be starting, and first uses take longer: not what is measured.
        measured(stage, server, worker, _sheet(200, "9.90", breaks=(2,)))
        new = measured(stage, server, worker, _sheet(rows, "9.90"))
        again = measured(stage, server, worker, _sheet(rows, "9.80", makes=False))
    shown = table(f"{rows:,} prices from CSV", "way", "rows/s", "app µs", "pg µs", "peak MB")
    for way, found in (("new", new), ("other prices", again)):
        figures = (found[name] for name in ("rows_per_s", "app_us", "pg_us", "peak_mb"))
        shown.add_row("", way, *(f"{figure:,.0f}" for figure in figures))
    figures = [
        at_least("prices imported, rows/s", new["rows_per_s"], RATE),
        at_most("worker's peak MB", again["peak_mb"], MEMORY_MB),
    ]
    return Outcome(figures, shown, {"new": new, "again": again})


def _fill(stage: Stage, server: Server, products: int) -> None:
    def made(path: str, body: dict[str, Any]) -> None:
        server.ask(Call("POST", path, json.dumps(body)), stage.token)

    made("/v1/products", {"sku": "first", "name": "P", "type": "good"})
    made("/v1/price-lists", {"name": "Retail", "currency": "EUR"})
    stage.query(_COPIES, products)
    stage.query("ANALYZE products, record_keys")


def _sheet(rows: int, price: str, *, breaks: Sequence[int] = BREAKS, makes: bool = True) -> File:
    text = io.StringIO()
    write = csv.writer(text).writerow
    write(("Price list", "SKU", "Min quantity", "Unit price", "Valid from"))
    count = rows // len(breaks) * len(breaks)
    for n in range(count):
        product, place = divmod(n, len(breaks))
        write(("Retail", f"SKU-{product}", breaks[place], price, "2026-01-01"))
    return File(text.getvalue().encode(), 0, count, "price_rule", "price_rules", makes)


SECTION = Section("Import of a price list from CSV", run, within_s=360)
