"""What of a backbone moves: one file for each method, named in `kinds.py`."""
