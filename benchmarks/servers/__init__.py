"""The three servers that are compared; each module has `create()`."""
