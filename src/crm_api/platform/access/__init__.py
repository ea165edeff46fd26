"""Who may do what: roles, who has them, and what a user may do by them.

Invariants: nobody grants more than they have; the roles every organization begins with stay as
they are; the last administrator cannot be taken away (a trigger sees to that, whatever the way).
"""
