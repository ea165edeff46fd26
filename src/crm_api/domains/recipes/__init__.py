"""Automatic proposals: up to three drafts of a quote for a customer, and the recipes behind them.

Invariants: no draft has a product without what that requires, or with what it excludes; none is
above the budget unless that is asked for; nothing is written unless it is asked for; the same data
gives the same drafts.
"""
