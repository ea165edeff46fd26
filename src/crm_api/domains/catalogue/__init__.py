"""The catalogue: what is sold, by which units, in which categories, and what goes together.

Invariants: a sku and a barcode belong to one living product or variant; categories and successors
form trees, bundles have no circle; no product requires what it excludes, however indirectly;
attributes fit the schema of the category when they are written; a product is no draft unless it
has what its category requires; a variant has each option of its product once, as no other has.
"""
