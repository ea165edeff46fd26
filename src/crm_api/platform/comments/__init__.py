"""Comments: what is said about records of any kind, and who is mentioned in it."""
