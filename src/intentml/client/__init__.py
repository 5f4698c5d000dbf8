"""The service, asked from Python.

In: the address of a running service, and questions. Out: typed results with DataFrames, or the errors that
the same question has in Python. It knows the service by its HTTP alone: nothing else of the package.
"""

from intentml.client.asynchronous import AsyncClient
from intentml.client.blocking import Client
from intentml.client.edges import Edges

__all__ = ["AsyncClient", "Client", "Edges"]
