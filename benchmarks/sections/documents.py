"""Proposals as PDF: how long one takes, and how much memory stays with the process."""

import json
import subprocess
import sys

from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_most, table

# In a process of its own, so that its memory is that of documents. Each has other data, so that
# nothing comes from what the engine remembers; the first one also reads the fonts.
WORK = """
import json, statistics, sys, time
from pathlib import Path
from crm_api.kit.documents.engine import render_now
from crm_api.kit.documents.pictures import picture
from crm_api.platform.proposals.printing import PROPOSAL, printed
from crm_api.platform.proposals.samples import sample
from crm_api.platform.proposals.schemas import Proposal

def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 / 1024

def of_lines(count, salt):
    proposal, logo = sample("de")
    raw = proposal.model_dump(mode="json")
    raw["sections"] = [{"items": [
        {"name": f"Position {n} {salt}", "description": f"Beschreibung {salt} der Leistung {n}",
         "quantity": "1", "unit_price": "1", "net": "1"} for n in range(count)]}]
    raw["totals"] = [{"subtotal": str(count), "total": str(count)}]
    raw["values"] = []
    return Proposal.model_validate(raw), picture(logo)

def sampled(_, salt):
    proposal, logo = sample("de")
    return proposal.model_copy(update={"subject": f"{proposal.subject} {salt}"}), picture(logo)

found = {}
for name, made, count in ("first", sampled, 0), ("10", of_lines, 10), ("pages", sampled, 0), ("200", of_lines, 200):
    walls, processor = [], []
    for salt in range(1 if name == "first" else 20):
        proposal, logo = made(count, f"{name}{salt}")
        wall, used = time.perf_counter(), time.process_time()
        document = render_now(PROPOSAL, printed(proposal), dated=proposal.date, pictures={"logo": logo})
        walls.append((time.perf_counter() - wall) * 1000)
        processor.append((time.process_time() - used) * 1000)
    found[name] = {"p50": statistics.median(walls), "cpu": statistics.median(processor),
                   "kb": len(document.content) / 1024, "mb": memory()}
json.dump(found, sys.stdout)
"""
NAMES = {
    "first": "the first of a process",
    "10": "10 lines",
    "pages": "3 pages",
    "200": "200 lines",
}


def run(_setting: Setting) -> Outcome:
    """Measure in one process."""
    try:
        work = subprocess.run(
            [sys.executable, "-c", WORK], capture_output=True, check=True, timeout=100
        )
    except subprocess.SubprocessError as error:
        raise NotMeasured(str(error)) from error
    found = json.loads(work.stdout)
    shown = table("Proposals as PDF", "p50, ms", "CPU, ms", "KiB", "process, MiB")
    for name, title in NAMES.items():
        one = found[name]
        shown.add_row(title, *(f"{one[key]:.0f}" for key in ("p50", "cpu", "kb", "mb")))
    figures = [at_most("a proposal of 3 pages, p50 ms", found["pages"]["p50"], 150)]
    return Outcome(figures, shown, found)


SECTION = Section("Documents", run, within_s=120)
