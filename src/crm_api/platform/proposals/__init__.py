"""Proposals as they are printed: what goes into one, how it is worded and what it looks like.

Invariants: nothing is computed in the template; sums that do not add up are not printed.
"""
