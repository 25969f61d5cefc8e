"""Predictions of models and of other tools, their scores, and how the scores compare."""
