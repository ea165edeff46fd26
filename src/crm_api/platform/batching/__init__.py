"""Many writes in one request: mixed ones that refer to each other, and one for all that match."""
