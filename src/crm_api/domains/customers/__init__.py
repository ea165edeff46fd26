"""One picture of the customer: timelines, what they like and expect, how they fare.

Invariants: a point of contact is kept once, whichever worker hears of it; who may not see a record
sees nothing of it here; what was said stands before what was observed, and that before a guess.
"""
