"""Reading the events table: the history of a record, and the feed of everything that happened."""
