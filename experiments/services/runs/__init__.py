"""Runs of a ModelVersion over an EvalSet: started, generated in lanes, kept in groups, paused and ended."""
