"""Eval sets as their pages and downloads tell them."""
