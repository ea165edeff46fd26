"""A headless CRM: REST, GraphQL and webhooks over one picture of the client."""
