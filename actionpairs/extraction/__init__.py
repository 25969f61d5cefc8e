"""Extraction: which videos are wanted, and the frame pairs of one video."""
