"""The report of an evaluation: page, tables and pictures."""
