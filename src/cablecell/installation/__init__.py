"""What a machine needs, what is installed, and the environment of every process."""
