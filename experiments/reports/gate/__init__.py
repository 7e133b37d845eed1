"""The verdict on an experiment for programs: one answer, told as JSON, text or JUnit XML."""
