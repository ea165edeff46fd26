"""REST from the same declarations: parameters, requests, answers, routers."""
