"""Seeded simulations of error rates, coverage and power. Each trial calls the function that the pages call."""
