"""One act that renews all evidence of an experiment."""
