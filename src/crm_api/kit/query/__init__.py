"""One filter language, one cursor, one way to read a page."""
