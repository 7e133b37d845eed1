"""What the pages of a live test show: its newest result in words and drawings, and the rows behind the numbers."""
