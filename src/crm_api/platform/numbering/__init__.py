"""Number sequences: the running numbers of quotes, orders, invoices.

Invariants: within a sequence and its period no number is given twice and none is left out, whatever
is rolled back or killed; a number belongs to the transaction that takes it.
"""
