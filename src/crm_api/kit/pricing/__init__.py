"""What things cost: rounding, shares, tiers, methods, discounts, taxes and totals.

Pure arithmetic with decimals, which needs no database. Whoever calculates prices, for a look-up or
a quote, makes a `Document` of lines and gets a `Calculated` one.
"""
