"""Tax rates: by jurisdiction, category of products and day.

Invariants: a tax has one rate for a jurisdiction and a category on a day.
"""
