"""The shop, answering at all hours: requests in, answers out, orders taken in as they come.

In: a scores folder, the model that made it, requests. Out: bodies of responses, and what happens to a
request before and after. It knows ASGI, but no server: BentoML is in `serving/` alone.
"""
