"""Comments over REST."""

from crm_api.kit.rest.router import crud_router
from crm_api.platform.comments.service import CommentService

router = crud_router(CommentService)
