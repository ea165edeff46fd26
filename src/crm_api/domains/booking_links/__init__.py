"""Pages on which anybody books, and links by which whoever booked changes it.

What both are opened by, how they look and what browsers may do is that of all links (`kit/links`).
"""
