"""Insertion strategies that the skill is compared with; nothing in the cell knows of them."""
