"""Scores of leads over REST."""

from fastapi import Response

from crm_api.domains.leads.modelling import LeadScoreModelService, ModelVerb, calibration
from crm_api.domains.leads.score_rules import LeadScoreRuleService
from crm_api.domains.leads.score_schemas import (
    LeadScore,
    LeadScoreCalibration,
    LeadScoreModelOut,
    LeadScoreSettings,
    LeadScoreSettingsOut,
)
from crm_api.domains.leads.score_settings import LeadScoreSettingsService
from crm_api.domains.leads.scoring import explained
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings

_VERBS: dict[ModelVerb, tuple[str, str]] = {
    "train": (
        "Have a model learn",
        "By a job, from the leads there are; what it learned before is gone.",
    ),
    "shadow": (
        "Try a model",
        "What it says is kept to be compared, and not shown. Another one on trial is retired.",
    ),
    "activate": (
        "Have a model say how probable it is that leads are converted",
        "The one before is retired. One that tells leads no better than chance is refused (409).",
    ),
    "retire": ("Have a model say no more", "What it said of leads that have ended stays."),
}
leads = new_router("leads", "leads")
rules = crud_router(LeadScoreRuleService)
models = crud_router(LeadScoreModelService)
settings = new_router("lead_scores", "lead-scores")


@leads.get(
    "/{id}/score",
    operation_id="getLeadScore",
    summary="What the scores of a lead are made of",
    responses={200: {"model": LeadScore}} | problems(403, 404, 422),
)
async def score(id: Id, tx: Reading) -> Response:
    """Every active rule with what it gives now, and what speaks for the lead and against it."""
    return answers.plain(await explained(tx, id))


@models.get(
    "/{id}/calibration",
    operation_id="getLeadScoreModelCalibration",
    summary="How far a model can be trusted",
    responses={200: {"model": LeadScoreCalibration}} | problems(403, 404, 422),
)
async def calibrated(id: Id, tx: Reading) -> Response:
    """By leads that were held out, by those that ended since, and what each value adds."""
    return answers.plain(await calibration(tx, id))


def _add(verb: ModelVerb, texts: tuple[str, str]) -> None:
    add_action(
        models,
        verb,
        lambda tx, one, _data, expected: LeadScoreModelService(tx).go(one, verb, expected),
        LeadScoreModelOut,
        texts,
    )


for _verb, _texts in _VERBS.items():
    _add(_verb, _texts)
add_settings(
    settings,
    LeadScoreSettingsService,
    (LeadScoreSettings, LeadScoreSettingsOut),
    "LeadScore",
    read=("How far scores of leads go", "The caps of the categories of rules."),
    write=("Say how far scores of leads go", "A job has the scores follow."),
)

ROUTERS = (leads, rules, models, settings)
