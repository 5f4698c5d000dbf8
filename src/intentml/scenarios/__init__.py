"""Scenarios: what is due to whom, as steps after something a customer did.

What comes in: YAML steps, a shop's audiences at one `as_of`. What goes out: actions due, each exactly once.
"""

from intentml.scenarios.handing_out import due

__all__ = ["due"]
