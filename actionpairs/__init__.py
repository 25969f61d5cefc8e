"""Annotated action videos in, image-editing data sets and trained editors out."""
