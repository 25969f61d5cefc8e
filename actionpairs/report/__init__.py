"""What people read: pages, tables and LaTeX."""
