"""The operator console: web pages with a live view of the cell, behind one port and one login (ADR 0009)."""
