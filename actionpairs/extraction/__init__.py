"""Extraction: the plan, the videos that it needs, and the frame pairs of each video."""
