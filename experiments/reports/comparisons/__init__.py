"""Two runs of one eval set version, paired case by case: what was computed, and how pages and programs read it."""
