"""Your own tables, in the containers that people have."""
