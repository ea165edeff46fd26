"""Companies: the organizations that the business deals with, in their hierarchy.

Invariants: the hierarchy has no cycle; a domain is lower-case ASCII; an external id belongs to
one company at most.
"""
