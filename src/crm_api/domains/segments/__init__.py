"""Parts of the audience: by what is known of people, what they did and what they agreed to.

What people do is told by `POST /v1/events/track`; filters ask for it as for any field. Who belongs
to a segment stands in intervals, which the feed of events keeps up to date.
"""
