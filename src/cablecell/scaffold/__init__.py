"""`cablecell new …`: complete, working starting points for connectors, drivers and skills of one's own."""
