"""Exports: the rows of a collection as a file that waits behind a signed link."""
