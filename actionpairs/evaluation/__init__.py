"""Edits by models and by other tools, their scores, and how the scores compare."""
