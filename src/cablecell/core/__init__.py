"""Pure core: physics, geometry, estimation, skills and state machines. No ROS, no PyBullet, no clock, no I/O."""
