"""How everything fares, for whoever runs an organization."""
