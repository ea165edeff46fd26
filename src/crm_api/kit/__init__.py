"""What every domain is made of; no word of the business stands in here."""
