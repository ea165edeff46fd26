"""GraphQL from the shapes that REST has."""
