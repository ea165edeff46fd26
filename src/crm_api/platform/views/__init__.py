"""Saved views: a filter, an order and fields, for oneself or for everybody."""
