"""Which records are the same: Fellegi and Sunter's model over columns of values, without a database.

`records` holds what is compared, `blocking` which pairs are worth it, `comparing` how alike the
values of a pair are, `estimation` how much that tells, `scoring` what follows for a pair, and
`groups` which of several pairs are one.
"""
