"""What things cost: price lists, their rules, contract prices, and the price of a line explained.

Invariants: no two rules of a list are for the same thing, quantity and day, no two contract prices
for the same company; lists do not stand below themselves; the same question has the same answer,
and says why; money never is a float.
"""
