"""Files that nobody vouches for, read within limits: every failure is one line."""
