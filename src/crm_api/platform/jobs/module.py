"""Jobs as a part of the product."""

from functools import partial

from crm_api.kit.crud.personal import Copies, Trace
from crm_api.kit.jobs import Chore, Watch
from crm_api.kit.measuring import Measure, Measuring
from crm_api.kit.meters import JOBS_DEPTH, JOBS_LAG
from crm_api.kit.module import Faces, Module
from crm_api.kit.standing import Standing
from crm_api.platform.jobs.forgetting import forget_jobs
from crm_api.platform.jobs.schemas import JobsStanding
from crm_api.platform.jobs.service import wipe_jobs
from crm_api.platform.jobs.standing import jobs_standing, measured_jobs

MEASURE = Measure({"depth": JOBS_DEPTH, "lag": JOBS_LAG}, measured_jobs)


def _faces() -> Faces:
    from crm_api.platform.jobs.graphql import JobMutation, JobQuery, JobSubscription
    from crm_api.platform.jobs.rest import router

    return Faces(
        routers=[router],
        queries=[JobQuery],
        mutations=[JobMutation],
        subscriptions=[JobSubscription],
    )


MODULE = Module(
    key="jobs",
    title="Jobs",
    description="Work in the background, and how far it is.",
    switchable=False,
    areas=["jobs"],
    faces=_faces,
    tags={"jobs": "Work in the background, and how far it is."},
    chores=[Chore("forget jobs", forget_jobs)],
    watches=[Watch("gauges of jobs", partial(Measuring, MEASURE), hears=False)],
    traces=[Trace("jobs", ("jobs",), wipe_jobs, Copies("What was asked of the records."))],
    standings=[Standing("jobs", JobsStanding, jobs_standing)],
)
