"""Policies as an entrant of the challenge writes them: one class a file, named like the file."""
