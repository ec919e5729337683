"""What a touch says of where the plug is: the pose that it would have without the push of the port."""

from __future__ import annotations

import numpy as np

from cablecell.core.geometry import Array, cross


def unloaded_tip(
    X_prior_tcp: Array, X_tcp_tip: Array, force: Array, moment: Array, *, stiffness: float, rotation_stiffness: float
) -> Array:
    """Return where the tip is believed to be with the grasp's give taken out, shape (4, 4).

    The belief about the grasp is for a plug without load; the port's push moves the plug in its grasp. What is
    returned is the pose that the touching plug has, in terms of that belief: X_prior_tcp · give · X_tcp_tip.

    Args:
        X_prior_tcp: Measured tcp.
        X_tcp_tip: Believed tip.
        force: Of the port on the plug in the axes of the prior, shape (3,), N.
        moment: About the tip likewise, N·m.
        stiffness: Of the grasp at the tcp, N/m.
        rotation_stiffness: Likewise, N·m/rad.
    """
    R = X_prior_tcp[:3, :3]
    f = R.T @ force
    m = R.T @ moment + cross(X_tcp_tip[:3, 3], f)
    give = np.eye(4)
    turn = m / rotation_stiffness
    give[:3, :3] = np.array([[1.0, -turn[2], turn[1]], [turn[2], 1.0, -turn[0]], [-turn[1], turn[0], 1.0]])
    u, _, vt = np.linalg.svd(give[:3, :3])
    give[:3, :3] = u @ vt
    give[:3, 3] = f / stiffness
    return np.asarray(X_prior_tcp @ give @ X_tcp_tip)
