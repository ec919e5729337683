"""The contract of every machine behind the ports."""
