"""From images to poses: fiducials, the task board, ports and the plug in the gripper.

Everything here is a function of images, camera poses from kinematics and time. A function that cannot give an honest
answer returns `NoEstimate` with a reason instead of a guess.
"""
