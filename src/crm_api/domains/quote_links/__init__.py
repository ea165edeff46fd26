"""Links by which customers read quotes, choose, ask, accept and decline, without a login.

Invariants: of a token only a keyed hash is stored; a quote is accepted once, at its newest version,
under the lock of the quote; what was seen, chosen and agreed is written down in the same commit.
"""
