"""Addresses that are told of every decision, and how the telling goes."""
