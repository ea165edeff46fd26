"""Tables, transactions, and the events and jobs that belong to them."""
