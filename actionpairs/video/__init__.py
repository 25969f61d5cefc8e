"""Decode chosen frames of a video: frame-exact, and without decoding frames that are not needed."""
