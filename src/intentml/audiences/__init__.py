"""Rule to people: audiences, their members, and who they were.

What comes in: rules as YAML, JSON or text, and a scored shop. What goes out: customers, changes, reasons.
"""
