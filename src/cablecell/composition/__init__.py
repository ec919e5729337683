"""Where parts of the cell that must not know each other are put together: files and backends meet the core here."""
