"""Node executables, one short file a node."""
