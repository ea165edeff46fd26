"""Requests that are sent again: their answers are kept for a while, and then forgotten.

The answering itself is the kit's, since it belongs to every request that changes something.
"""
