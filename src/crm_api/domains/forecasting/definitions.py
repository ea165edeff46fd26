"""What every number means: one glossary, whose ids stand beside the numbers."""

from decimal import Decimal
from typing import Any, NamedTuple


class Definition(NamedTuple):
    """What a number is, and how it is computed; what changes its meaning gets another id."""

    id: str
    title: str
    unit: str
    """`amount`, `count`, `days`, `ratio` or `amount_per_day`."""
    text: str


_ALL = (
    Definition(
        "stage_conversion.v1",
        "Stage conversion",
        "ratio",
        "Of the deals that entered a stage within the days (a cohort, by their first entry), the "
        "share that entered a later stage, or was won, at any time since. Stages that were skipped "
        "count as passed. Deals that stand still open are undecided and not counted: "
        "passed / (passed + lost).",
    ),
    Definition(
        "time_in_stage_median.v1",
        "Time in stage, median",
        "days",
        "By deal that was in the stage within the days: the sum of all its stays, those still "
        "going on up to now; half of the deals took no longer.",
    ),
    Definition(
        "time_in_stage_p90.v1",
        "Time in stage, ninth decile",
        "days",
        "As the median; nine of ten deals took no longer.",
    ),
    Definition(
        "open_age_median.v1",
        "Age of open deals, median",
        "days",
        "From the creation of the deals that are open in the stage up to now.",
    ),
    Definition(
        "stalled.v1",
        "Stalled deals",
        "count",
        "Open deals that have been in their stage longer than three of four won deals were in it.",
    ),
    Definition(
        "rotting.v1",
        "Rotting deals",
        "count",
        "Open deals that entered their stage longer ago than its `rotting_days`.",
    ),
    Definition(
        "win_rate_count.v1",
        "Win rate by count",
        "ratio",
        "won / (won + lost), of the deals whose close date is within the days. A deal that was "
        "reopened counts once, as it was decided last.",
    ),
    Definition(
        "win_rate_value.v1",
        "Win rate by value",
        "ratio",
        "The amounts won / (won + lost), of the same deals, in the organization's currency.",
    ),
    Definition(
        "conversion_rate.v1",
        "Conversion rate",
        "ratio",
        "Of all deals that were created within the days, the share that is won by now. It is not "
        "the win rate: open deals count as not won.",
    ),
    Definition(
        "sales_cycle_mean.v1",
        "Sales cycle, mean",
        "days",
        "From the creation to the close date, of the deals won within the days; one that was "
        "reopened counts from its first creation, one that was closed before it was entered as 0.",
    ),
    Definition(
        "sales_cycle_median.v1", "Sales cycle, median", "days", "As the mean, but the median."
    ),
    Definition(
        "average_won_amount.v1",
        "Average amount won",
        "amount",
        "Of the deals won within the days that have an amount in the organization's currency.",
    ),
    Definition(
        "velocity.v1",
        "Velocity",
        "amount_per_day",
        "Open deals whose category is not `omitted` × average amount won × win rate by count / "
        "mean sales cycle in days.",
    ),
    Definition(
        "weighted_pipeline.v1",
        "Weighted pipeline",
        "amount",
        "Σ amount × probability of the open deals whose category is not `omitted`.",
    ),
    Definition(
        "push_count.v1",
        "Pushes",
        "count",
        "How many times, from one snapshot of a deal to its next within the days, the close date "
        "of an open deal moved to a later month.",
    ),
    Definition(
        "slippage.v1",
        "Slippage",
        "amount",
        "What was open at the first day and due to close within the days, and was still open at "
        "the last one: its amount at the first day.",
    ),
    Definition(
        "coverage.v1",
        "Coverage",
        "ratio",
        "The open pipeline that is due within the period / (quota − won within it).",
    ),
    Definition(
        "waterfall.v1",
        "Waterfall",
        "amount",
        "start + new + reopened + increased − decreased + fx_effect + pulled_in − pushed_out − won "
        "− lost − removed = end, each of deals compared between two snapshots.",
    ),
    Definition(
        "forecast_open_pipeline.v1",
        "Open pipeline",
        "amount",
        "Pipeline + best case + most likely + commit, due within the period.",
    ),
    Definition(
        "forecast_best_case.v1",
        "Best case forecast",
        "amount",
        "Best case + most likely + commit + closed.",
    ),
    Definition(
        "forecast_most_likely.v1",
        "Most likely forecast",
        "amount",
        "Most likely + commit + closed.",
    ),
    Definition("forecast_commit.v1", "Commit forecast", "amount", "Commit + closed."),
    Definition(
        "forecast_weighted.v1",
        "Weighted forecast",
        "amount",
        "Closed + Σ amount × probability of what is open, due and not omitted.",
    ),
    Definition(
        "wins.v1",
        "Number of wins",
        "count",
        "How many of the open deals that are due are won with four chances in five, each by its "
        "own probability (Poisson-binomial), beside those won already.",
    ),
    Definition(
        "goal_attainment.v1",
        "Attainment of a goal",
        "ratio",
        "What was reached within its days / its target: amounts won, deals won, or deals created.",
    ),
    Definition(
        "wape.v1",
        "Weighted absolute error",
        "ratio",
        "Σ|actual − forecast| / Σ|actual| over periods that are over.",
    ),
    Definition(
        "bias.v1", "Bias", "ratio", "Σ(forecast − actual) / Σ|actual|; above zero: too much."
    ),
    Definition(
        "mape.v1",
        "Mean absolute error",
        "ratio",
        "The mean of |actual − forecast| / |actual|, without periods in which nothing was won.",
    ),
)
DEFINITIONS = {definition.id: definition for definition in _ALL}


def number(name: str, value: Decimal | str | int | None, count: int | None = None) -> Any:
    """A number as it is shown, with what it means and of how many deals it is."""
    found = DEFINITIONS[f"{name}.v1"]
    shown = None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
    return {"definition_id": found.id, "value": shown, "unit": found.unit, "count": count}
