"""Policies of experiments as pages and programs read them."""
