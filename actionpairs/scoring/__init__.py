"""Generated edits and how good they are: generate → features → metrics → report."""
