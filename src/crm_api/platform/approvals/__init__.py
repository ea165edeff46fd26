"""Approvals: policies, requests and their steps, who stands in for whom, and what voids them."""
