"""What production sends while a live test runs: who sees which arm, and what happens then."""
