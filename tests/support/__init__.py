"""What tests share: servers, clients, factories, a recorder of statements."""
