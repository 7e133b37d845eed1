"""Judgments on their way from a file into the tables: staged, checked and moved inside the database."""
