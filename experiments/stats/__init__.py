"""Numbers in, frozen results out: every figure the site shows is computed here, without Django or I/O."""
