"""Webhooks: what happened, sent to the systems of others and signed (Standard Webhooks)."""
