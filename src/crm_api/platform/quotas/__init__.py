"""What an organization may use: requests and users."""
