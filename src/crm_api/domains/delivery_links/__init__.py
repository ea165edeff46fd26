"""Links by which customers see what was delivered of a project, and accept or reject it.

Invariants: of a token only a keyed hash is stored; a deliverable is decided on once each time that
it is submitted, under the locks of its link, its project and its own; a rejection has a reason.
"""
