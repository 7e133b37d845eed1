"""What the dashboard of an experiment, the overview and the pages of decisions show."""
