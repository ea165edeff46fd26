"""Projects: what was sold, planned in working time, delivered, timed and billed.

Invariants: the links of a project's tasks form no ring; what is stored of its schedule is what the
critical path method makes of its tasks; of a line of an order no more is delivered than was
ordered; the billing shares of a project are 100 % at the most, and each falls due once; time that
was approved stays as it is.
"""
