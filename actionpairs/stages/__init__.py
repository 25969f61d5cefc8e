"""Each command's story, readable from top to bottom."""
