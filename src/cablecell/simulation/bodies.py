"""Put bodies into a PyBullet client: static shapes, port walls, the plug, the arm."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pybullet as p

from cablecell.core.config.connector import Connector
from cablecell.core.config.simulation import PhysicsSettings
from cablecell.core.geometry.scalar import Vec3
from cablecell.simulation.contact_geometry import floor_box, plug_boxes, wall_vertices
from cablecell.simulation.description import Description, Shape, write_urdf
from cablecell.simulation.rigid import NO_ROTATION, Pose

PLUG_FRICTION = 1.0
"""Bullet multiplies the two coefficients of a contact: the port has the whole of it."""


def open_client(settings: PhysicsSettings) -> int:
    """Return a new client with the validated contact settings; they act only on bodies created later.

    Bullet keeps the breaking threshold once per process: the client opened last decides it for all.
    """
    client = p.connect(p.DIRECT)
    p.setPhysicsEngineParameter(
        fixedTimeStep=1.0 / settings.rate_hz,
        numSolverIterations=settings.solver_iterations,
        solverResidualThreshold=settings.residual_threshold,
        contactSlop=0.0,
        contactBreakingThreshold=settings.contact_breaking_m,
        # A mesh of the same name is otherwise taken from the last scene.
        enableFileCaching=0,
        deterministicOverlappingPairs=1,
        physicsClientId=client,
    )
    p.setGravity(0.0, 0.0, -settings.gravity_m_per_s2, physicsClientId=client)
    return client


def add_shapes(client: int, shapes: Sequence[Shape], X_WB: Pose) -> int:
    """Return a static body made of primitives."""
    index = p.createCollisionShapeArray(
        shapeTypes=[p.GEOM_BOX if shape.kind == "box" else p.GEOM_CYLINDER for shape in shapes],
        radii=[shape.size[0] for shape in shapes],
        halfExtents=[[0.5 * value for value in shape.size] for shape in shapes],
        lengths=[shape.size[2] for shape in shapes],
        collisionFramePositions=[shape.X_BS.p for shape in shapes],
        collisionFrameOrientations=[shape.X_BS.q for shape in shapes],
        physicsClientId=client,
    )
    return p.createMultiBody(0.0, index, basePosition=X_WB.p, baseOrientation=X_WB.q, physicsClientId=client)


def add_port(client: int, connector: Connector, X_WE: Pose, friction_scale: float = 1.0) -> list[int]:
    """Return the bodies of a port: one per wall, then the floor."""
    port, bodies = connector.port, []
    for wall in port.walls:
        index = p.createCollisionShape(p.GEOM_MESH, vertices=_kept(wall_vertices(wall, port)), physicsClientId=client)
        body = p.createMultiBody(0.0, index, basePosition=X_WE.p, baseOrientation=X_WE.q, physicsClientId=client)
        # Bullet inflates a hull by its margin.
        p.changeDynamics(body, -1, collisionMargin=0.0, physicsClientId=client)
        bodies.append(body)
    centre, half = floor_box(port)
    index = p.createCollisionShape(p.GEOM_BOX, halfExtents=half, physicsClientId=client)
    X_WF = X_WE @ Pose(centre, NO_ROTATION)
    floor = p.createMultiBody(0.0, index, basePosition=X_WF.p, baseOrientation=X_WF.q, physicsClientId=client)
    bodies.append(floor)
    for body in bodies:
        # In a call of its own: together with the margin, Bullet may ignore it.
        p.changeDynamics(body, -1, lateralFriction=connector.friction * friction_scale, physicsClientId=client)
    return bodies


_KEPT: dict[tuple[Vec3, ...], list[Vec3]] = {}


def _kept(vertices: list[Vec3]) -> list[Vec3]:
    """Return the same list for the same vertices: PyBullet never lets go of a list of vertices that it was given."""
    return _KEPT.setdefault(tuple(vertices), vertices)


def add_plug(client: int, connector: Connector, X_W_com: Pose) -> int:
    """Return the plug as a free body whose frame is its centre of mass, with the axes of its tip."""
    plug = connector.plug
    boxes = plug_boxes(plug)
    index = p.createCollisionShapeArray(
        shapeTypes=[p.GEOM_BOX] * len(boxes),
        halfExtents=[half for _, half in boxes],
        collisionFramePositions=[centre for centre, _ in boxes],
        collisionFrameOrientations=[NO_ROTATION] * len(boxes),
        physicsClientId=client,
    )
    body = p.createMultiBody(
        plug.mass_kg, index, basePosition=X_W_com.p, baseOrientation=X_W_com.q, physicsClientId=client
    )
    p.changeDynamics(body, -1, collisionMargin=plug.edge_radius_m, physicsClientId=client)
    p.changeDynamics(body, -1, lateralFriction=PLUG_FRICTION, physicsClientId=client)
    p.changeDynamics(body, -1, linearDamping=0.0, angularDamping=0.0, physicsClientId=client)
    p.changeDynamics(body, -1, localInertiaDiagonal=plug.inertia_kg_m2, physicsClientId=client)
    p.changeDynamics(body, -1, activationState=p.ACTIVATION_STATE_DISABLE_SLEEPING, physicsClientId=client)
    return body


def add_arm(client: int, description: Description, rotor_inertia: Mapping[str, float]) -> tuple[int, dict[str, int]]:
    """Return the arm with all motors off and no damping, and its joint indices by name.

    Args:
        client: Where to.
        description: The arm, fixed links joined.
        rotor_inertia: By joint, kg·m².
    """
    text, moments = write_urdf(description, rotor_inertia)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arm.urdf"
        path.write_text(text, encoding="utf-8")
        body = p.loadURDF(str(path), useFixedBase=True, flags=p.URDF_USE_INERTIA_FROM_FILE, physicsClientId=client)
    indices = {}
    child_of = {joint.name: joint.child for joint in description.joints}
    for index in range(p.getNumJoints(body, physicsClientId=client)):
        info = p.getJointInfo(body, index, physicsClientId=client)
        name = info[1].decode()
        indices[name] = index
        p.changeDynamics(body, index, linearDamping=0.0, angularDamping=0.0, physicsClientId=client)
        p.changeDynamics(body, index, jointDamping=0.0, physicsClientId=client)
        p.changeDynamics(body, index, localInertiaDiagonal=moments[child_of[name]], physicsClientId=client)
        p.changeDynamics(body, index, activationState=p.ACTIVATION_STATE_DISABLE_SLEEPING, physicsClientId=client)
        if info[2] != p.JOINT_FIXED:
            # Bullet starts every joint with a motor that holds it.
            p.setJointMotorControl2(body, index, p.VELOCITY_CONTROL, force=0.0, physicsClientId=client)
    return body, indices
