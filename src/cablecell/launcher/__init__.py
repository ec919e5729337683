"""Runs `*.launch.xml` files where there is no `ros2 launch`."""
