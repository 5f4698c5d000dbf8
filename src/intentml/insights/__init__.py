"""What the base looks like: over time, audience against audience, who they are, what the shop can learn.

What comes in: a shop's audiences at one `as_of`, its log. What goes out: tables, personas, plots, one page.
"""
