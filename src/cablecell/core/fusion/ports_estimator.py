"""The port estimator as one object: images with poses go in; ports, the plug and places to look from come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import EstimatorSettings, LookSettings
from cablecell.core.config.perception import DetectionSettings
from cablecell.core.config.plug_vision import PlugVisionSettings
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board import BoardEstimator, ExpectedBoard, LookReport, Use
from cablecell.core.fusion.board_looks import LookPose, Viewer, choose_looks, fiducial_region
from cablecell.core.fusion.board_state import BoardState, Look, drifted
from cablecell.core.fusion.module_looks import ModuleFinder
from cablecell.core.fusion.module_update import ModuleLook, ModuleSight
from cablecell.core.fusion.ports import PortEstimate, PortOnBoard, designed_port, find_port, port_estimate
from cablecell.core.fusion.ports_plug import PlugState, nominal_plug, port_in_tip, see_plug, seen_before
from cablecell.core.fusion.view_choice import ViewChoice, ViewProblem, choose_view
from cablecell.core.geometry import invert_pose, transform_point
from cablecell.core.perception.detection import Corners, find_corners
from cablecell.core.perception.fiducials import Patch
from cablecell.core.perception.layout import NominalPort
from cablecell.core.perception.module_views import ModuleView
from cablecell.core.perception.modules import ModuleDesign
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.core.perception.plug_body import PlugBody
from cablecell.core.perception.plug_fit import PlugImages, plug_region
from cablecell.core.perception.reprojection import project
from cablecell.ports import Frame, Region

Matrix = NDArray[np.float64]

_MARGIN_PX = 40  # around the plug; more than edges are looked for
_KEPT_LOOKS = 3  # images of the plug that are combined


@dataclass(frozen=True)
class HeldPlug:
    """A plug in the gripper, as far as design and grasp say.

    Attributes:
        X_tcp_tip: Nominal pose of its tip in `tcp`, shape (4, 4).
        body: Its shape along the axes of the tip.
    """

    X_tcp_tip: Matrix
    body: PlugBody


@dataclass(frozen=True)
class EstimatorConfiguration:
    """All settings of the estimator.

    Attributes:
        errors: Sizes of errors, gates, limits.
        detection: Thresholds of fiducial detection.
        looks: How look poses are chosen.
        plug: Measuring the plug.
        ports: Finding ports without markers.
    """

    errors: EstimatorSettings = field(default_factory=EstimatorSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    looks: LookSettings = field(default_factory=LookSettings)
    plug: PlugVisionSettings = field(default_factory=PlugVisionSettings)
    ports: PortVisionSettings = field(default_factory=PortVisionSettings)


@dataclass(frozen=True)
class LookOutcome:
    """What came of the images of one look.

    Attributes:
        board: What the board estimator made of it.
        unseen: Why a camera saw no fiducials, by camera name.
        seen: Corners of the fiducials, by camera name.
        modules: How every module looked at agrees, or why it was not found, by name.
    """

    board: LookReport
    unseen: Mapping[str, NoEstimate]
    seen: Mapping[str, Corners] = field(default_factory=dict)
    modules: Mapping[str, ModuleSight | NoEstimate] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportedPort:
    """A port as it is reported.

    Attributes:
        estimate: Pose and covariance.
        looks: Looks at the board that are in it; 0 when it is by design alone.
        covariance_to_tip: Covariance of the port relative to the tip of the plug that was seen with it, in the axes of
            the mouth, shape (6, 6), m and rad; None without a plug.
    """

    estimate: PortEstimate
    looks: int
    covariance_to_tip: Matrix | None = None


class PortEstimator:
    """Estimates ports and plug from looks; a step object without clock, files or middleware.

    While one thread looks, others may ask for `board`, `port` and `ports`.

    Images must be taken with the arm at rest, and `X_base_tcp` must belong to the time of exposure.
    """

    def __init__(
        self,
        viewer: Viewer,
        patches: Sequence[Patch],
        layout: Mapping[str, NominalPort],
        *,
        modules: Mapping[str, ModuleDesign] | None = None,
        configuration: EstimatorConfiguration | None = None,
        expected: ExpectedBoard | None = None,
        margin_px: int = 40,
    ) -> None:
        """Start without an estimate.

        Args:
            viewer: Cameras and tool.
            patches: The fiducials.
            layout: Ports as designed, by name.
            modules: Modules that may sit elsewhere on their rails, by name; ports of others are where the layout has
                them.
            configuration: Settings.
            expected: Where the board is put, where that is known.
            margin_px: Around what is looked for, once it is known where it is.
        """
        self._viewer = viewer
        self._patches = tuple(patches)
        self._layout = dict(layout)
        self._modules = dict(modules or {})
        self._configuration = configuration or EstimatorConfiguration()
        self._expected = expected
        self._margin_px = margin_px
        self._board = BoardEstimator(viewer.rig, self._configuration.errors, expected)
        self._finder = ModuleFinder(self._modules, self._configuration.errors, self._configuration.ports)
        self._held: HeldPlug | None = None
        self._crops: dict[str, list[Frame]] = {}
        self._looks_at_plug = 0
        self._followed: Matrix | None = None
        self._seen_plug: PlugState | None = None

    def hold(self, plug: HeldPlug | None) -> None:
        """Say which plug is gripped now; forgets what was seen of the plug before."""
        self._held = plug
        self._forget_plug()

    def reset(self) -> None:
        """Forget board, mounts and plug images; the plug stays gripped."""
        self._board.reset()
        self._finder.reset()
        self._forget_plug()

    def focus(self, names: Sequence[str]) -> None:
        """Look for the modules of these ports only; for all of them for none. Each costs some time in every look."""
        self._finder.focus({self._layout[name].module for name in names if name in self._layout})

    def calibrate(self, intrinsics: Mapping[str, CameraIntrinsics]) -> None:
        """Learn the models of cameras, by name."""
        self._viewer = replace(self._viewer, intrinsics={**self._viewer.intrinsics, **intrinsics})

    def regions(self, X_base_tcp: Matrix, now_s: float) -> dict[str, Region | None]:
        """Return what of each calibrated camera's image is needed: all before the board is known; None for nothing."""
        board = self._board.estimate(now_s)
        regions: dict[str, Region | None] = {}
        for name, intrinsics in self._viewer.intrinsics.items():
            if isinstance(board, NoEstimate):
                regions[name] = Region(0, 0, intrinsics.width, intrinsics.height)
                continue
            fiducials = fiducial_region(
                self._viewer, name, X_base_tcp, board.X_base_board, self._patches, self._margin_px
            )
            ports = self._finder.region(board, X_base_tcp, name, intrinsics)
            regions[name] = _union(_union(fiducials, self._plug_region(name)), ports)
        return regions

    def visible(self, X_base_tcp: Matrix, now_s: float) -> dict[str, Corners]:
        """Return the corners that each calibrated camera should see from a pose; none without a board."""
        board = self._board.estimate(now_s)
        if isinstance(board, NoEstimate):
            return {}
        looks = self._configuration.looks
        return {
            name: self._viewer.visible(name, X_base_tcp, board.X_base_board, self._patches, looks)
            for name in self._viewer.intrinsics
        }

    def look(self, stamp_s: float, X_base_tcp: Matrix, frames: Mapping[str, Frame]) -> LookOutcome:
        """Take in the images of one look.

        Args:
            stamp_s: Time of exposure, s.
            X_base_tcp: Pose of the tool at that time, from forward kinematics, shape (4, 4).
            frames: By camera name.

        Raises:
            ValueError: A camera is not on the rig.
        """
        seen: dict[str, Corners] = {}
        unseen: dict[str, NoEstimate] = {}
        for name, frame in frames.items():
            found = find_corners(frame, self._patches, self._configuration.detection)
            if isinstance(found, Corners):
                seen[name] = found
            else:
                unseen[name] = found
        report = self._board.add(Look(stamp_s, X_base_tcp, seen))
        modules = self._see_modules(report, stamp_s, X_base_tcp, frames)
        for name, frame in frames.items():
            self._keep(name, frame)
        self._looks_at_plug += 1
        return LookOutcome(report, unseen, seen, modules)

    def _see_modules(
        self, report: LookReport, stamp_s: float, X_base_tcp: Matrix, frames: Mapping[str, Frame]
    ) -> Mapping[str, ModuleSight | NoEstimate]:
        state = self._board.estimate(stamp_s)
        if report.use is Use.MOVED or isinstance(state, NoEstimate):
            self._finder.reset()
            return {}
        if report.use is Use.REJECTED:
            return {}
        views = {
            name: ModuleView(frame, self._size(name), self._held_before(name, state.mounts[name], frame.K))
            for name, frame in frames.items()
            if name not in report.rejected
        }
        look = ModuleLook(stamp_s, X_base_tcp, views)
        state, found = self._finder.see(state, look, adds_nothing=report.use is Use.CONFIRMED)
        self._board.put(state)
        return found

    def board(self, now_s: float) -> BoardState | NoEstimate:
        """Return the board, or why it is not known."""
        return self._board.estimate(now_s)

    def port(self, name: str, now_s: float) -> PortEstimate | NoEstimate:
        """Return a port in `base_link`, or why it is not known."""
        port = find_port(self._layout, name)
        if isinstance(port, NoEstimate):
            return port
        board = self._board.estimate(now_s)
        if isinstance(board, NoEstimate):
            return board
        return self._estimate(board, port)

    def _estimate(self, board: BoardState, port: NominalPort) -> PortEstimate | NoEstimate:
        problem = self._finder.problem(board, port)
        if problem is not None:
            return problem
        return port_estimate(board, port, self._configuration.errors, self.place(board, port.name))

    def place(self, board: BoardState, name: str) -> PortOnBoard:
        """Return where a port is on a board of this estimator: on its module where that was found, else by design."""
        port = self._layout[name]
        if port.module in board.modules:
            return PortOnBoard.on_module(board, port, self._modules[port.module], self._configuration.ports)
        return PortOnBoard.by_design(board, port, self._configuration.errors)

    def ports(self, now_s: float, plug: PlugState | None = None) -> list[ReportedPort]:
        """Return every port of the layout: as estimated, or by design where the board is expected.

        Args:
            now_s: The time.
            plug: Answer of `plug`; board and ports are then those that were seen together with it.

        Raises:
            ValueError: The board was not seen, and nobody said where to expect it.
        """
        settings = self._configuration.errors
        board = self._board.estimate(now_s)
        if plug is not None and isinstance(board, BoardState):
            board = drifted(plug.board, now_s, settings)
        reported = []
        for port in self._layout.values():
            answer = board if isinstance(board, NoEstimate) else self._estimate(board, port)
            if isinstance(board, BoardState) and isinstance(answer, PortEstimate):
                relative = None if plug is None else self._covariance_to_tip(plug, answer)
                reported.append(ReportedPort(answer, board.looks, relative))
            elif self._expected is None:
                raise ValueError("the board was not seen, and nobody said where to expect it")
            else:
                module = self._modules.get(port.module)
                freedom = None if module is None else module.freedom
                reported.append(ReportedPort(designed_port(port, self._expected, now_s, freedom), 0))
        return reported

    def plug(self, now_s: float) -> PlugState | NoEstimate:
        """Return the plug in the gripper: as gripped by design, or as seen where its edges are clear.

        `sources` of the answer say which. Without a plug or a board there is none. In the images of the first looks the
        plug is looked for all over the tolerance of the grasp, later it is followed: it does not move in the hand.
        """
        board = self._board.estimate(now_s)
        if isinstance(board, NoEstimate):
            return board
        if self._held is None:
            return NoEstimate(Reason.NOTHING_SEEN, "no plug is gripped")
        nominal = nominal_plug(self._held.X_tcp_tip, board, self._configuration.plug)
        images = {}
        for name, crops in self._crops.items():
            outline = transform_point(invert_pose(board.mounts[name]), self._viewer.silhouette)
            images[name] = PlugImages(tuple(crops), outline, self._size(name))
        if not images:
            return nominal
        body, settings = self._held.body, self._configuration.plug
        if self._followed is not None:
            answer = see_plug(nominal, body, images, settings, near=self._followed)
            if not isinstance(answer, NoEstimate):
                self._seen_plug = answer[0]
                return answer[0]
        answer = see_plug(nominal, body, images, settings)
        if isinstance(answer, NoEstimate):
            return nominal if self._seen_plug is None else seen_before(self._seen_plug, board)
        # In one image what lies behind the plug may pass for its edge; it does not in two.
        self._followed = answer[0].X_tcp_tip if self._looks_at_plug > 1 else None
        self._seen_plug = answer[0]
        return answer[0]

    def port_in_tip(self, name: str, plug: PlugState, X_base_tcp: Matrix) -> tuple[Matrix, Matrix] | NoEstimate:
        """Return a port's mouth in the frame of the plug's tip and the covariance of its right perturbation.

        Args:
            name: Name of the port.
            plug: Answer of `plug`.
            X_base_tcp: Pose of the tool for which the difference is wanted.
        """
        port = find_port(self._layout, name)
        if isinstance(port, NoEstimate):
            return port
        return port_in_tip(plug, X_base_tcp, self.place(plug.board, name), self._configuration.errors)

    def _covariance_to_tip(self, plug: PlugState, port: PortEstimate) -> Matrix:
        """Return the covariance of a port relative to the tip when the tip is where the port is."""
        X_base_tcp = port.X_base_entrance @ invert_pose(plug.X_tcp_tip)
        return port_in_tip(plug, X_base_tcp, self.place(plug.board, port.name), self._configuration.errors)[1]

    def next_looks(
        self, name: str, X_base_tcp_start: Matrix, X_base_tcp_goal: Matrix, X_base_board: Matrix
    ) -> list[LookPose]:
        """Return poses to look from on the way to a port, for a board that is thought to be at a pose.

        Raises:
            KeyError: There is no such port.
        """
        return choose_looks(
            self._viewer,
            self._patches,
            X_base_board,
            self._layout[name].X_board_entrance,
            X_base_tcp_start,
            X_base_tcp_goal,
            settings=self._configuration.looks,
            estimator=self._configuration.errors,
        )

    def best_view(self, name: str, X_base_tcp: Matrix, now_s: float) -> ViewChoice | NoEstimate:
        """Return the pose near a pose of the tool from which one more look would leave a port most certain.

        Args:
            name: Name of the port.
            X_base_tcp: Pose around which to look for one, shape (4, 4).
            now_s: The time.
        """
        port, board = find_port(self._layout, name), self._board.estimate(now_s)
        if isinstance(port, NoEstimate):
            return port
        if isinstance(board, NoEstimate):
            return board
        if port.module not in self._modules:
            return NoEstimate(Reason.NOTHING_SEEN, f"{name} has no shape that could be looked at")
        configuration = self._configuration
        problem = ViewProblem(
            self._viewer,
            self._held_corners(),
            self._patches,
            configuration.errors,
            configuration.ports,
            configuration.looks,
            self._board.is_known_view,
        )
        place = self.place(board, name) if port.module in board.modules else None
        choice = choose_view(problem, board, self._modules[port.module], place, X_base_tcp)
        return choice or NoEstimate(Reason.NOTHING_SEEN, f"every view of {name} from near there was taken")

    def _forget_plug(self) -> None:
        self._crops.clear()
        self._looks_at_plug, self._followed, self._seen_plug = 0, None, None

    def _size(self, name: str) -> tuple[int, int]:
        intrinsics = self._viewer.intrinsics[name]
        return intrinsics.width, intrinsics.height

    def _held_before(self, name: str, X_tcp_optical: Matrix, K: Matrix) -> tuple[Matrix, ...]:
        """Return the outlines of palm and plug in a camera's image."""
        X_optical_tcp = invert_pose(X_tcp_optical)
        outlines = [project(self._viewer.tool_outline, X_optical_tcp, K)[0]]
        held = self._held_corners()
        if len(held):
            outlines.append(project(held, X_optical_tcp, K)[0])
        return tuple(outlines)

    def _held_corners(self) -> Matrix:
        """Return the corners of the plug's parts in `tcp`, shape (n, 3), m; none without a plug."""
        if self._held is None:
            return np.zeros((0, 3))
        return np.asarray(transform_point(self._held.X_tcp_tip, self._held.body.corners))

    def _plug_region(self, name: str) -> Region | None:
        if self._held is None:
            return None
        intrinsics = self._viewer.intrinsics[name]
        X_optical_tip = invert_pose(self._viewer.rig.mounts[name]) @ self._held.X_tcp_tip
        size = (intrinsics.width, intrinsics.height)
        return plug_region(self._held.body, X_optical_tip, intrinsics.matrix(), size, _MARGIN_PX)

    def _keep(self, name: str, frame: Frame) -> None:
        region = self._plug_region(name)
        if region is None:
            return
        inner = frame.region
        x, y = region.x - inner.x, region.y - inner.y
        if x < 0 or y < 0 or x + region.width > inner.width or y + region.height > inner.height:
            return
        pixels = frame.pixels[y : y + region.height, x : x + region.width].copy()
        crops = self._crops.setdefault(name, [])
        crops.append(Frame(frame.stamp_s, frame.frame_id, pixels, frame.K, region))
        del crops[:-_KEPT_LOOKS]


def _union(a: Region | None, b: Region | None) -> Region | None:
    if a is None or b is None:
        return a or b
    x, y = min(a.x, b.x), min(a.y, b.y)
    right, bottom = max(a.x + a.width, b.x + b.width), max(a.y + a.height, b.y + b.height)
    return Region(x, y, right - x, bottom - y)
