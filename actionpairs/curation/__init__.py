"""Curation: which segments and pairs are kept, and which split each pair is in."""
