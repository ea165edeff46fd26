"""What was promised to whom, by when, and what became of it.

Each promise has one outcome: one that is put off ends as `renegotiated`, and another one with the
new day names it as its `previous_id`, so nothing is counted twice.
"""
