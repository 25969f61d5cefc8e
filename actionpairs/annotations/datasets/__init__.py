"""Annotation files of published data sets, one format per file."""
