"""Data you can have today: a simulated shop, and real shops' published order histories.

What comes in: a source's own files, or the settings of a simulated shop. What goes out: a folder
with the contract's tables. This room knows tables and errors, and nothing of models or time.
"""
