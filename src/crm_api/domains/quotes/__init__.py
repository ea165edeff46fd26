"""Quotes: what was offered to whom, for how much, by which versions, and what became of it.

Invariants: a version that was sent never changes; a number is given once, when a quote is sent for
the first time, and none is left out; what is sent was calculated by the same function as a draft;
a quote is sent while nothing blocks it, and accepted once, in time.
"""
