"""Reads a dirty table file: what it is, its rows, and which fields its columns mean."""
