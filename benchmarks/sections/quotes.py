"""A quote of 200 lines over 100,000 price rules, calculated without being stored."""

import json
from decimal import Decimal
from statistics import quantiles

from benchmarks import load
from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.sections.pricing import fill
from benchmarks.serving import WrongAnswer, serving

RULES = 100_000
QUESTIONS = 60
"""For each number of lines, each about other products."""
P50_MS = {200: 30}


def run(setting: Setting) -> Outcome:
    """Over one connection; a part of the lines falls due each month, and everything is less 3 %."""
    shown = table("quotes calculated", "lines", "p50 ms", "p95 ms", "of the target")
    figures, details = [], {}
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        fill(stage, server, setting.size(RULES))
        products = [str(row["id"]) for row in stage.query("SELECT id FROM products ORDER BY id")]
        for lines, target in P50_MS.items():
            calls = [_call(products[n % 7 :: len(products) // lines][:lines]) for n in range(7)]
            _, answer, _ = server.ask(calls[0], stage.token)
            # 12 of 8.90 less 10 % each; less 3 % of what is due once, and of what is each month.
            if Decimal(answer["net"]) != lines * Decimal("96.12") * Decimal("0.97"):
                raise WrongAnswer(f"{lines} lines: {answer['net']}")
            sent = [calls[n % len(calls)] for n in range(QUESTIONS)]
            load.timed(server.url, stage.token, sent, 1)
            times = [
                time
                for _ in range(setting.rounds)
                for time in load.timed(server.url, stage.token, sent, 1)
            ]
            cuts = quantiles(times, n=20)
            ratio = f"{cuts[9] / target:.0%}"
            shown.add_row(str(lines), f"{cuts[9]:.1f}", f"{cuts[18]:.1f}", ratio)
            what = f"a quote of {lines} lines, p50 ms"
            figures.append(at_most(what, cuts[9], target, "{:.1f}"))
            details[str(lines)] = times
    return Outcome(figures, shown, details)


def _call(products: list[str]) -> Call:
    lines = [
        {
            "product_id": id,
            "quantity": "12",
            "discounts": [{"percent": "10"}],
            "interval": "month" if place % 2 else None,
        }
        for place, id in enumerate(products)
    ]
    body = {
        "currency": "EUR",
        "country": "DE",
        "lines": lines,
        "discounts": [{"percent": "3", "reason": "Fair"}],
    }
    return Call("POST", "/v1/quotes/calculate", json.dumps(body))


SECTION = Section("Quotes", run, within_s=300)
