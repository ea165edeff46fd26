"""The board of a pipeline that holds 10,000 open deals."""

import json
from statistics import median

from benchmarks import load
from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.sections.forecasting import OPEN_DEALS, pipeline_of
from benchmarks.serving import WrongAnswer, asked, serving

DEALS = 10_000
STAGES = 5
BOARD_MS = 80
QUESTIONS = 20


def run(setting: Setting) -> Outcome:
    """Asked one time after the other: counts, sums and the first twenty of each column."""
    deals = setting.size(DEALS)
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        pipeline, _ = pipeline_of(stage, server)
        for n in range(1, STAGES):
            body = {"pipeline_id": pipeline, "name": f"Stage {n}", "probability": 10 * n}
            asked(stage, server, "POST", "/v1/stages", json.dumps(body).encode())
        path = f"/v1/stages?filter[pipeline_id]={pipeline}&filter[kind]=open"
        stages = [one["id"] for one in asked(stage, server, "GET", path)["data"]]
        for id in stages:
            own = stage.organization_id
            stage.query(OPEN_DEALS, own, pipeline, id, deals // len(stages))
        stage.tidy("deals")
        board = Call("GET", f"/v1/pipelines/{pipeline}/board")
        _, found, _ = server.ask(board, stage.token)
        counts = [column["count"] for column in found["columns"]]
        if sum(counts) != deals // len(stages) * len(stages) or not all(counts):
            raise WrongAnswer(f"The columns have {counts} deals.")
        taken = load.timed(server.url, stage.token, [board] * QUESTIONS * setting.rounds, 1)
    ms = median(taken)
    shown = table(f"a board of {deals:,} open deals", "what", "p50 ms")
    shown.add_row(f"{len(stages)} columns", f"{ms:.0f}")
    figures = [at_most(f"board of {deals:,} open deals, p50 ms", ms, BOARD_MS)]
    return Outcome(figures, shown, {"board": taken})


SECTION = Section("The board of a pipeline", run, within_s=120)
