"""Every standard report and metric has a proof: a test against plain Python over random rows.

What is new stands in the table below with the test that proves it, or fails here.
"""

import ast
from pathlib import Path

import crm_api.registry  # noqa: F401 - tells which reports and metrics there are
from crm_api.domains.reports.declared import Declared
from support import proofs

ROOT = Path(__file__).parents[1]
_PIPELINES = "domains/forecasting/test_proofs.py"
_STAYS = "domains/forecasting/test_stays.py::test_stages_of_wandering_deals"
_PRODUCTS = "domains/reports/test_standard_products.py"
_COMPUTED = "domains/reports/test_standard_computed.py"
_RECORDS = "domains/reports/test_proofs.py"
_RECKONED = "domains/attribution/test_reckoning.py"
_CAMPAIGNS = f"{_RECKONED}::test_the_report_of_campaigns_is_plain_division"
REPORTS = {
    **{one.name: f"{_RECORDS}::test_reports_and_the_records_behind_them" for one in proofs.REPORTS},
    **dict.fromkeys(("sales_funnel", "stage_conversion", "time_in_stage"), _STAYS),
    "pipeline_velocity": f"{_PIPELINES}::test_velocity",
    "pipeline_waterfall": f"{_PIPELINES}::test_waterfall",
    "quota_attainment": f"{_PIPELINES}::test_quotas",
    "pipeline_coverage": f"{_PIPELINES}::test_quotas",
    "forecast_against_actual": f"{_PIPELINES}::test_forecasts_and_what_came",
    "forecast_accuracy": f"{_PIPELINES}::test_forecasts_and_what_came",
    "deal_outcomes_by_product": f"{_PRODUCTS}::test_what_became_of_products",
    "deal_outcomes_by_segment": f"{_PRODUCTS}::test_what_became_of_segments",
    "product_mix": f"{_PRODUCTS}::test_what_was_ordered",
    "discount_leakage_by_product": f"{_PRODUCTS}::test_what_was_ordered",
    "discount_leakage_by_owner": f"{_PRODUCTS}::test_what_was_ordered",
    "attach_rate": f"{_PRODUCTS}::test_what_is_ordered_together",
    "product_performance": f"{_PRODUCTS}::test_how_products_fare",
    "resource_utilisation": f"{_COMPUTED}::test_utilisation_of_resources",
    "lead_fairness": f"{_COMPUTED}::test_fairness_of_assignments",
    "cohort_retention": f"{_COMPUTED}::test_retention_of_cohorts",
    "rfm_grid": f"{_COMPUTED}::test_the_rfm_grid",
    "project_results": f"{_COMPUTED}::test_results_of_projects",
    "suspected_duplicates": f"{_COMPUTED}::test_suspected_duplicates",
    "campaign_results": _CAMPAIGNS,
    "attribution": f"{_RECKONED}::test_the_report_of_attribution_is_that_of_plain_python",
}
METRICS = {
    **{one.name: f"{_RECORDS}::test_metrics_by_groups_and_days" for one in proofs.METRICS},
    "velocity": f"{_PIPELINES}::test_velocity",
    "coverage": f"{_PIPELINES}::test_coverage_of_the_present_quarter",
    "resource_utilisation": f"{_COMPUTED}::test_utilisation_of_resources",
    **dict.fromkeys(
        (
            *("campaign_roi", "campaign_roas"),
            *("cost_per_lead", "cost_per_opportunity", "cost_per_sale"),
        ),
        _CAMPAIGNS,
    ),
}


def test_each_has_a_proof():
    assert REPORTS.keys() == Declared.standard.keys()
    assert METRICS.keys() == Declared.metrics.keys()


def test_each_proof_is_there_and_names_what_it_proves():
    in_tables = {one.name for one in (*proofs.REPORTS, *proofs.METRICS)}
    for name, proof in (*REPORTS.items(), *METRICS.items()):
        path, _, test = proof.partition("::")
        text = (ROOT / path).read_text()
        functions = {
            one.name
            for one in ast.walk(ast.parse(text))
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert test in functions, proof
        assert name in in_tables or f'"{name}"' in text or f"metrics/{name}" in text, proof
