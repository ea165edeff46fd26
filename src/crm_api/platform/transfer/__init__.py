"""Moves records in from files and out to them."""
