"""A local page where a model edits pictures: `serving` runs it, `page` lays it out, `answers` edits."""
