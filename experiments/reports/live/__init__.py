"""What a live test says: sums per arm in, one frozen payload out."""
