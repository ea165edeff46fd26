"""The edge: HTTP in, problem documents out."""
