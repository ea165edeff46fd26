"""Campaigns: a tree of what is done to reach people, and who is in each."""
