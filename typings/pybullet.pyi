# ruff: noqa: N802
"""The part of PyBullet's API that the simulation uses."""

from collections.abc import Sequence
from typing import Any

DIRECT: int
GEOM_BOX: int
GEOM_CYLINDER: int
GEOM_SPHERE: int
GEOM_CAPSULE: int
GEOM_MESH: int
WORLD_FRAME: int
LINK_FRAME: int
POSITION_CONTROL: int
VELOCITY_CONTROL: int
TORQUE_CONTROL: int
ACTIVATION_STATE_DISABLE_SLEEPING: int
URDF_USE_INERTIA_FROM_FILE: int
ER_TINY_RENDERER: int
ER_NO_SEGMENTATION_MASK: int
JOINT_FIXED: int

class error(Exception): ...  # noqa: N801, N818

_Vec = Sequence[float]
_V3 = tuple[float, float, float]
_V4 = tuple[float, float, float, float]

def connect(method: int, options: str = ...) -> int: ...
def disconnect(physicsClientId: int = ...) -> None: ...
def saveBullet(bulletFileName: str, physicsClientId: int = ...) -> None: ...
def restoreState(fileName: str = ..., stateId: int = ..., physicsClientId: int = ...) -> None: ...
def isConnected(physicsClientId: int = ...) -> int: ...
def setPhysicsEngineParameter(
    fixedTimeStep: float = ...,
    numSolverIterations: int = ...,
    solverResidualThreshold: float = ...,
    contactSlop: float = ...,
    contactBreakingThreshold: float = ...,
    enableFileCaching: int = ...,
    deterministicOverlappingPairs: int = ...,
    physicsClientId: int = ...,
) -> None: ...
def getPhysicsEngineParameters(physicsClientId: int = ...) -> dict[str, Any]: ...
def setGravity(gravX: float, gravY: float, gravZ: float, physicsClientId: int = ...) -> None: ...
def stepSimulation(physicsClientId: int = ...) -> Any: ...
def loadURDF(
    fileName: str,
    basePosition: _Vec = ...,
    baseOrientation: _Vec = ...,
    useFixedBase: bool = ...,
    flags: int = ...,
    physicsClientId: int = ...,
) -> int: ...
def createCollisionShape(
    shapeType: int,
    radius: float = ...,
    halfExtents: _Vec = ...,
    height: float = ...,
    vertices: Sequence[_Vec] = ...,
    collisionFramePosition: _Vec = ...,
    collisionFrameOrientation: _Vec = ...,
    physicsClientId: int = ...,
) -> int: ...
def createCollisionShapeArray(
    shapeTypes: Sequence[int],
    radii: Sequence[float] = ...,
    halfExtents: Sequence[_Vec] = ...,
    lengths: Sequence[float] = ...,
    collisionFramePositions: Sequence[_Vec] = ...,
    collisionFrameOrientations: Sequence[_Vec] = ...,
    physicsClientId: int = ...,
) -> int: ...
def createVisualShape(
    shapeType: int,
    radius: float = ...,
    halfExtents: _Vec = ...,
    length: float = ...,
    vertices: Sequence[_Vec] = ...,
    indices: Sequence[int] = ...,
    uvs: Sequence[_Vec] = ...,
    normals: Sequence[_Vec] = ...,
    rgbaColor: _Vec = ...,
    specularColor: _Vec = ...,
    visualFramePosition: _Vec = ...,
    visualFrameOrientation: _Vec = ...,
    physicsClientId: int = ...,
) -> int: ...
def createMultiBody(
    baseMass: float = ...,
    baseCollisionShapeIndex: int = ...,
    baseVisualShapeIndex: int = ...,
    basePosition: _Vec = ...,
    baseOrientation: _Vec = ...,
    physicsClientId: int = ...,
) -> int: ...
def removeBody(bodyUniqueId: int, physicsClientId: int = ...) -> None: ...
def changeDynamics(
    bodyUniqueId: int,
    linkIndex: int,
    mass: float = ...,
    lateralFriction: float = ...,
    spinningFriction: float = ...,
    rollingFriction: float = ...,
    restitution: float = ...,
    linearDamping: float = ...,
    angularDamping: float = ...,
    jointDamping: float = ...,
    collisionMargin: float = ...,
    localInertiaDiagonal: _Vec = ...,
    activationState: int = ...,
    maxJointVelocity: float = ...,
    physicsClientId: int = ...,
) -> None: ...
def getDynamicsInfo(bodyUniqueId: int, linkIndex: int, physicsClientId: int = ...) -> tuple[Any, ...]: ...
def getNumJoints(bodyUniqueId: int, physicsClientId: int = ...) -> int: ...
def getNumBodies(physicsClientId: int = ...) -> int: ...
def getBodyUniqueId(serialIndex: int, physicsClientId: int = ...) -> int: ...
def getJointInfo(bodyUniqueId: int, jointIndex: int, physicsClientId: int = ...) -> tuple[Any, ...]: ...
def getJointState(
    bodyUniqueId: int, jointIndex: int, physicsClientId: int = ...
) -> tuple[float, float, tuple[float, float, float, float, float, float], float]: ...
def getJointStates(
    bodyUniqueId: int, jointIndices: Sequence[int], physicsClientId: int = ...
) -> tuple[tuple[float, float, tuple[float, float, float, float, float, float], float], ...]: ...
def resetJointState(
    bodyUniqueId: int, jointIndex: int, targetValue: float, targetVelocity: float = ..., physicsClientId: int = ...
) -> None: ...
def enableJointForceTorqueSensor(
    bodyUniqueId: int, jointIndex: int, enableSensor: bool = ..., physicsClientId: int = ...
) -> None: ...
def setJointMotorControl2(
    bodyUniqueId: int,
    jointIndex: int,
    controlMode: int,
    targetPosition: float = ...,
    targetVelocity: float = ...,
    force: float = ...,
    positionGain: float = ...,
    velocityGain: float = ...,
    maxVelocity: float = ...,
    physicsClientId: int = ...,
) -> None: ...
def setJointMotorControlArray(
    bodyUniqueId: int,
    jointIndices: Sequence[int],
    controlMode: int,
    targetPositions: Sequence[float] = ...,
    targetVelocities: Sequence[float] = ...,
    forces: Sequence[float] = ...,
    positionGains: Sequence[float] = ...,
    velocityGains: Sequence[float] = ...,
    physicsClientId: int = ...,
) -> None: ...
def getLinkState(
    bodyUniqueId: int,
    linkIndex: int,
    computeLinkVelocity: int = ...,
    computeForwardKinematics: int = ...,
    physicsClientId: int = ...,
) -> tuple[_V3, _V4, _V3, _V4, _V3, _V4, _V3, _V3]: ...
def getBasePositionAndOrientation(bodyUniqueId: int, physicsClientId: int = ...) -> tuple[_V3, _V4]: ...
def getBaseVelocity(bodyUniqueId: int, physicsClientId: int = ...) -> tuple[_V3, _V3]: ...
def resetBasePositionAndOrientation(
    bodyUniqueId: int, posObj: _Vec, ornObj: _Vec, physicsClientId: int = ...
) -> None: ...
def resetBaseVelocity(
    objectUniqueId: int, linearVelocity: _Vec = ..., angularVelocity: _Vec = ..., physicsClientId: int = ...
) -> None: ...
def applyExternalForce(
    objectUniqueId: int, linkIndex: int, forceObj: _Vec, posObj: _Vec, flags: int, physicsClientId: int = ...
) -> None: ...
def applyExternalTorque(
    objectUniqueId: int, linkIndex: int, torqueObj: _Vec, flags: int, physicsClientId: int = ...
) -> None: ...
def calculateInverseDynamics(
    bodyUniqueId: int,
    objPositions: Sequence[float],
    objVelocities: Sequence[float],
    objAccelerations: Sequence[float],
    physicsClientId: int = ...,
) -> tuple[float, ...]: ...
def calculateMassMatrix(
    bodyUniqueId: int, objPositions: Sequence[float], physicsClientId: int = ...
) -> tuple[tuple[float, ...], ...]: ...
def calculateJacobian(
    bodyUniqueId: int,
    linkIndex: int,
    localPosition: _Vec,
    objPositions: Sequence[float],
    objVelocities: Sequence[float],
    objAccelerations: Sequence[float],
    physicsClientId: int = ...,
) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]: ...
def setCollisionFilterPair(
    bodyUniqueIdA: int,
    bodyUniqueIdB: int,
    linkIndexA: int,
    linkIndexB: int,
    enableCollision: int,
    physicsClientId: int = ...,
) -> None: ...
def getContactPoints(
    bodyA: int = ..., bodyB: int = ..., linkIndexA: int = ..., linkIndexB: int = ..., physicsClientId: int = ...
) -> tuple[tuple[Any, ...], ...]: ...
def getClosestPoints(
    bodyA: int, bodyB: int, distance: float, linkIndexA: int = ..., linkIndexB: int = ..., physicsClientId: int = ...
) -> tuple[tuple[Any, ...], ...]: ...
def computeViewMatrix(
    cameraEyePosition: _Vec, cameraTargetPosition: _Vec, cameraUpVector: _Vec
) -> tuple[float, ...]: ...
def computeProjectionMatrixFOV(fov: float, aspect: float, nearVal: float, farVal: float) -> tuple[float, ...]: ...
def getCameraImage(
    width: int,
    height: int,
    viewMatrix: Sequence[float] = ...,
    projectionMatrix: Sequence[float] = ...,
    lightDirection: _Vec = ...,
    lightColor: _Vec = ...,
    lightDistance: float = ...,
    shadow: int = ...,
    lightAmbientCoeff: float = ...,
    lightDiffuseCoeff: float = ...,
    lightSpecularCoeff: float = ...,
    renderer: int = ...,
    flags: int = ...,
    physicsClientId: int = ...,
) -> tuple[int, int, Any, Any, Any]: ...
def changeVisualShape(
    objectUniqueId: int,
    linkIndex: int,
    shapeIndex: int = ...,
    textureUniqueId: int = ...,
    rgbaColor: _Vec = ...,
    physicsClientId: int = ...,
) -> None: ...
def loadTexture(textureFilename: str, physicsClientId: int = ...) -> int: ...
