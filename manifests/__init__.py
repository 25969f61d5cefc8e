"""Reviewed facts that a run can be checked against; people write them, code only reads them."""
