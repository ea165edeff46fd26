"""Marketing plans, their budgets, and what was spent."""
