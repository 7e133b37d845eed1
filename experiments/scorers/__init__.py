"""Pure: expected and actual in, a value in [0, 1] out. No Django."""
