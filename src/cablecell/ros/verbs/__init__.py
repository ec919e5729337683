"""The `ros2` verbs a user needs on a machine without the `ros2` command line."""
