"""Exchange rates: what an amount is worth in another currency on a day.

Invariants: a pair of currencies has one rate a day; a conversion takes the latest rate on or before
its day, says which, and fails where that is too old; money never is a float.
"""
