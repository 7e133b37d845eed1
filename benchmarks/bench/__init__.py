"""Speeds: each module has rows(), which measures ours and a yardstick in the same run."""
