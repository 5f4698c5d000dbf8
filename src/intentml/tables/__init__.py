"""What a row means: the contracts of order lines, products, customers and events, and the door in.

What comes in: a folder, a DuckDB file, a database or frames (`read`). What goes out: `ShopTables`,
checked (`validate`), with its dirt counted (`dirt`); and `check`'s gate (`gate`). `write` writes a
shop folder. This room knows rows, and nothing of what was known when (`timeline`).
"""
