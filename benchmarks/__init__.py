"""How fast the product is beside yardsticks, and whether it keeps its promises under kills and load."""
