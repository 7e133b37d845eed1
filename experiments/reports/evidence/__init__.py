"""All evidence of an experiment, read from what is computed already, and put in the form the rule takes."""
