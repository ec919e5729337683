"""The cable as an elastic rod: its shape in balance, and what it does to the plug."""
