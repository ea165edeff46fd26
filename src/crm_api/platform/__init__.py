"""Features that cut across the domains and own tables: identity, history, jobs, transfer."""
