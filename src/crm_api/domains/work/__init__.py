"""What users have to do, from all parts of the product: agendas, one ranked queue, a calendar feed.

Parts declare what they know of in their modules (`kit/work.py`); nothing is stored here but the
secret addresses of feeds.
"""
