"""Letters to members: rendered in their language and sent by jobs, after the commit."""
