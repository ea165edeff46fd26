"""Merges: several records of one person or company become one, and can be taken apart again.

Invariants: merges of an organization happen one after the other; whatever referred to a merged
record refers to the one that is left; a merged record stays in the bin and its id leads to the
other; undoing puts back everything that nobody has changed since, and a merge is undone once.
"""
