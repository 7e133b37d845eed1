"""Runs the web server and the worker as children, and keeps them running."""
