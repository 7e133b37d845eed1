"""What is gathered, frozen and recomputed."""
