"""Mail to many: what is said, to whom it went, and what became of it.

Invariants: a person gets a mailing once in each step, whatever dies; what was handed to the mail
server is never handed over again; whoever unsubscribes is reached no more from then on.
"""
