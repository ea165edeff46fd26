"""What can be booked, and bookings of it, of which no two ever overlap beyond its capacity.

At every instant the quantities of the active allocations of a resource are at most its capacity.
Whoever reserves, frees or changes the capacity holds the locks of the resources, taken in the order
of their ids, and counts after that; of what exists but once PostgreSQL keeps the rule besides, by
an exclusion constraint (ADR-0075).
"""
