"""What was done with customers, and what is to be done: activities and tasks.

Both name the parties that they are about: a company, a contact, a deal, and any other records with
the roles that these have in it.
"""
