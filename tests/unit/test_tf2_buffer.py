"""The transform buffer: answers, interpolation, cache and the sentences of its errors.

Only upstream's public names are used, so the same file holds for the real ``tf2_ros``.
"""

from __future__ import annotations

import math
import tracemalloc

import pytest
import yaml
from builtin_interfaces.msg import Time as TimeMessage
from tf2_ros import (
    Buffer,
    BufferCore,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)

from tests.support.tf2_messages import LATEST, about_z, at, lasting, stamp_of, transform, xyz_of, xyzw_of


@pytest.fixture
def buffer() -> Buffer:
    return Buffer()


def fill(buffer: BufferCore, *messages) -> None:
    for message in messages:
        buffer.set_transform(message, "test")


def test_lookup_gives_the_pose_of_the_source_in_the_target(buffer):
    fill(buffer, transform("world", "arm", 1.0, (1.0, 2.0, 3.0), about_z(math.pi / 2)))
    answer = buffer.lookup_transform("world", "arm", at(1.0))
    assert xyz_of(answer) == pytest.approx((1.0, 2.0, 3.0), abs=1e-12)
    assert xyzw_of(answer) == pytest.approx(about_z(math.pi / 2), abs=1e-12)
    assert (answer.header.frame_id, answer.child_frame_id, stamp_of(answer)) == ("world", "arm", 1.0)


def test_lookup_the_other_way_round_is_the_inverse(buffer):
    fill(buffer, transform("world", "arm", 1.0, (1.0, 2.0, 3.0), about_z(math.pi / 2)))
    answer = buffer.lookup_transform("arm", "world", at(1.0))
    # rotated back by 90°: x' = -y, y' = x
    assert xyz_of(answer) == pytest.approx((-2.0, 1.0, -3.0), abs=1e-12)
    assert xyzw_of(answer) == pytest.approx(about_z(-math.pi / 2), abs=1e-12)


def test_siblings_meet_at_their_common_parent(buffer):
    fill(buffer, transform("w", "left", 1.0, (0.0, 1.0, 0.0)), transform("w", "right", 1.0, (0.0, -1.0, 0.0)))
    assert xyz_of(buffer.lookup_transform("left", "right", at(1.0))) == pytest.approx((0.0, -2.0, 0.0))


def test_position_is_interpolated_on_a_line_and_rotation_on_the_shortest_arc(buffer):
    other_sign = tuple(-value for value in about_z(1.2))
    fill(buffer, transform("w", "a", 1.0), transform("w", "a", 2.0, (4.0, 0.0, -2.0), other_sign))
    answer = buffer.lookup_transform("w", "a", at(1.25))
    assert xyz_of(answer) == pytest.approx((1.0, 0.0, -0.5), abs=1e-12)
    assert xyzw_of(answer) == pytest.approx(about_z(0.3), abs=1e-12)


def test_time_zero_means_the_latest_time_all_frames_share(buffer):
    fill(
        buffer,
        *(transform("w", "a", stamp, (stamp, 0.0, 0.0)) for stamp in (1.0, 2.0, 3.0)),
        *(transform("a", "b", stamp, (0.0, stamp, 0.0)) for stamp in (1.0, 2.0, 2.5)),
    )
    answer = buffer.lookup_transform("w", "b", LATEST)
    assert stamp_of(answer) == 2.5
    assert xyz_of(answer) == pytest.approx((2.5, 2.5, 0.0))
    assert buffer.get_latest_common_time("w", "b") == at(2.5)


def test_the_slower_branch_decides_the_latest_common_time(buffer):
    fill(buffer, *(transform("w", "left", stamp) for stamp in (1.0, 2.0)))
    fill(buffer, *(transform("w", "right", stamp, (stamp, 0.0, 0.0)) for stamp in (1.0, 2.0, 3.0)))
    assert buffer.get_latest_common_time("left", "right") == at(2.0)
    assert buffer.get_latest_common_time("right", "left") == at(2.0)
    assert xyz_of(buffer.lookup_transform("left", "right", LATEST))[0] == 2.0
    assert xyz_of(buffer.lookup_transform("right", "left", LATEST))[0] == -2.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("xyzw", "leading"),
    [
        ((0.1, -0.7, 0.1, 0.7), "w"), ((0.5, 0.5, 0.4, 0.6), "w"), ((0.8, -0.4, 0.3, 0.3), "x"),
        ((-0.4, 0.8, 0.3, -0.3), "y"), ((0.3, 0.4, 0.8, 0.1), "z"),
    ],
)  # fmt: skip
def test_both_signs_of_a_quaternion_give_the_same_answer(buffer, xyzw, leading, sign):
    """As after a rotation matrix: w is positive where it is above 1/2, else the largest of the others is."""
    length = math.sqrt(sum(value * value for value in xyzw))
    unit = [value / length for value in xyzw]
    fill(buffer, transform("w", "a", 1.0, xyzw=[sign * value for value in unit]))
    flip = 1.0 if xyzw["xyzw".index(leading)] > 0.0 else -1.0
    assert xyzw_of(buffer.lookup_transform("w", "a", at(1.0))) == pytest.approx([flip * value for value in unit])


def test_samples_may_arrive_in_any_order(buffer):
    fill(buffer, *(transform("w", "a", stamp, (stamp, 0.0, 0.0)) for stamp in (3.0, 1.0, 4.0, 2.0)))
    for query in (1.0, 1.5, 2.75, 3.5, 4.0):
        assert xyz_of(buffer.lookup_transform("w", "a", at(query)))[0] == pytest.approx(query)


def test_a_frame_that_changes_its_parent_is_not_interpolated_between_the_two(buffer):
    fill(
        buffer,
        transform("w", "left", 1.0), transform("w", "left", 2.0), transform("w", "right", 1.0),
        transform("w", "right", 2.0), transform("left", "plug", 1.0, (1.0, 0.0, 0.0)),
        transform("right", "plug", 2.0, (2.0, 0.0, 0.0)),
    )  # fmt: skip
    assert xyz_of(buffer.lookup_transform("w", "plug", at(1.9))) == pytest.approx((1.0, 0.0, 0.0))
    assert xyz_of(buffer.lookup_transform("w", "plug", at(2.0))) == pytest.approx((2.0, 0.0, 0.0))


def test_a_static_frame_holds_at_every_time(buffer):
    buffer.set_transform_static(transform("w", "table", 5.0, (0.0, 0.0, 0.7)), "test")
    fill(buffer, transform("table", "a", 1.0), transform("table", "a", 900.0, (1.0, 0.0, 0.0)))
    for query in (LATEST, at(0.001), at(5.0), at(1e6)):
        assert xyz_of(buffer.lookup_transform("w", "table", query))[2] == pytest.approx(0.7)
    assert stamp_of(buffer.lookup_transform("w", "a", LATEST)) == 900.0
    assert buffer.get_latest_common_time("w", "table").nanoseconds == 0


def test_the_last_word_decides_whether_a_frame_is_static(buffer):
    buffer.set_transform_static(transform("w", "a", xyz=(1.0, 0.0, 0.0)), "test")
    fill(buffer, transform("w", "a", 3.0, (2.0, 0.0, 0.0)))
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform("w", "a", at(9.0))
    buffer.set_transform_static(transform("w", "a", xyz=(3.0, 0.0, 0.0)), "test")
    assert xyz_of(buffer.lookup_transform("w", "a", at(9.0)))[0] == 3.0


def test_a_frame_is_itself_even_if_nobody_has_heard_of_it(buffer):
    answer = buffer.lookup_transform("ghost", "ghost", at(3.0))
    assert (xyz_of(answer), xyzw_of(answer), stamp_of(answer)) == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), 3.0)
    assert buffer.can_transform("ghost", "ghost", at(3.0))


def test_full_lookup_travels_in_time_through_the_fixed_frame(buffer):
    for stamp in (1.0, 2.0, 3.0):
        fill(
            buffer, transform("map", "cart", stamp, (stamp, 0.0, 0.0)), transform("cart", "tool", stamp, (0, stamp, 0))
        )
    # where the tool was at 1 s, seen from where the cart is at 3 s
    answer = buffer.lookup_transform_full("cart", at(3.0), "tool", at(1.0), "map")
    assert xyz_of(answer) == pytest.approx((-2.0, 1.0, 0.0))
    assert stamp_of(answer) == 3.0
    assert buffer.can_transform_full("cart", at(3.0), "tool", at(1.0), "map")
    assert not buffer.can_transform_full("cart", at(3.5), "tool", at(1.0), "map")


def test_times_may_be_rclpy_times_or_messages(buffer):
    fill(buffer, transform("w", "a", 1.5, (1.0, 0.0, 0.0)))
    assert buffer.can_transform("w", "a", TimeMessage(sec=1, nanosec=500_000_000))
    with pytest.raises(TypeError, match="time must have sec and nanosec, or nanoseconds"):
        buffer.lookup_transform_core("w", "a", 1.5)


@pytest.fixture
def forest() -> Buffer:
    """Frames w <- a at 1 s and 2 s, w <- once at 1 s only, and a second tree island <- hut."""
    buffer = Buffer()
    fill(
        buffer,
        transform("w", "a", 1.0), transform("w", "a", 2.0), transform("w", "once", 1.0),
        transform("island", "hut", 1.0), transform("island", "hut", 2.0),
    )  # fmt: skip
    return buffer


LOOKUP_ERRORS = [
    ("w", "ghost", 1.0, LookupException, '"ghost" passed to lookupTransform argument source_frame does not exist. '),
    ("ghost", "w", 1.0, LookupException, '"ghost" passed to lookupTransform argument target_frame does not exist. '),
    (
        "w", "hut", 1.0, ConnectivityException,
        "Could not find a connection between 'w' and 'hut' because they are not part of the same tree."
        "Tf has two or more unconnected trees.",
    ),
    (
        "w", "a", 3.5, ExtrapolationException,
        "Lookup would require extrapolation into the future.  Requested time 3.500000 but the latest data is at time "
        "2.000000, when looking up transform from frame [a] to frame [w]",
    ),
    (
        "w", "a", 0.25, ExtrapolationException,
        "Lookup would require extrapolation into the past.  Requested time 0.250000 but the earliest data is at time "
        "1.000000, when looking up transform from frame [a] to frame [w]",
    ),
    (
        "a", "once", 2.0, ExtrapolationException,
        "Lookup would require extrapolation at time 2.000000, but only time 1.000000 is in the buffer, "
        "when looking up transform from frame [once] to frame [a]",
    ),
    (
        "w", "", 1.0, InvalidArgumentException,
        'Invalid argument "" passed to lookupTransform argument source_frame - in tf2 frame_ids cannot be empty',
    ),
    (
        "/w", "a", 1.0, InvalidArgumentException,
        'Invalid argument "/w" passed to lookupTransform argument target_frame - '
        "in tf2 frame_ids cannot start with a '/'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("target", "source", "time_s", "expected", "sentence"), LOOKUP_ERRORS)
def test_lookup_error(forest, target, source, time_s, expected, sentence):
    with pytest.raises(expected) as caught:
        forest.lookup_transform(target, source, at(time_s))
    assert str(caught.value) == sentence
    assert isinstance(caught.value, TransformException)


CAN_FAULT = 'Invalid frame ID "{}" passed to canTransform argument {} - {}'
CAN_SENTENCES = [
    ("w", "ghost", 1.0, CAN_FAULT.format("ghost", "source_frame", "frame does not exist")),
    ("", "w", 1.0, CAN_FAULT.format("", "target_frame", "in tf2 frame_ids cannot be empty")),
    (
        "w", "/a", 1.0,
        CAN_FAULT.format("/a", "source_frame", "in tf2 frame_ids cannot start with a '/'"),
    ),
    (
        "w", "hut", 1.0,
        "Could not find a connection between 'w' and 'hut' because they are not part of the same tree."
        "Tf has two or more unconnected trees.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("target", "source", "time_s", "sentence"), CAN_SENTENCES)
def test_can_transform_says_why_not(forest, target, source, time_s, sentence):
    assert not forest.can_transform(target, source, at(time_s))
    possible, reason = forest.can_transform(target, source, at(time_s), return_debug_tuple=True)
    assert (bool(possible), reason) == (False, sentence)


def test_can_transform_says_nothing_when_it_can(forest):
    possible, reason = forest.can_transform("w", "a", at(1.5), return_debug_tuple=True)
    assert (bool(possible), reason) == (True, "")


def test_a_loop_is_reported_with_the_frames(buffer):
    fill(buffer, transform("a", "b", 1.0), transform("b", "a", 1.0), transform("w", "x", 1.0))
    with pytest.raises(LookupException, match="contains a loop") as caught:
        buffer.lookup_transform("w", "b", at(1.0))
    assert "Frame b exists with parent a.\nFrame a exists with parent b.\n" in str(caught.value)


def test_latest_common_time_errors(forest):
    with pytest.raises(LookupException, match='"ghost" passed to get_latest_common_time does not exist'):
        forest.get_latest_common_time("w", "ghost")
    with pytest.raises(TransformException, match="Could not find a connection between 'w' and 'hut'"):
        forest.get_latest_common_time("w", "hut")


NAN = math.nan
REJECTED = [
    (transform("w", "a", 2.0, (NAN, 0.0, 0.0)), "TF_NAN_INPUT"),
    (transform("w", "a", 2.0, xyzw=(0.0, NAN, 0.0, 1.0)), "TF_NAN_INPUT"),
    (transform("w", "a", 2.0, xyzw=(0.0, 0.0, 0.0, 0.0)), "TF_DENORMALIZED_QUATERNION"),
    (transform("a", "a", 2.0), "TF_SELF_TRANSFORM"),
    (transform("", "a", 2.0), "TF_NO_FRAME_ID"),
    (transform("w", "", 2.0), "TF_NO_CHILD_FRAME_ID"),
]


@pytest.mark.parametrize(("message", "code"), REJECTED, ids=[f"{code}-{i}" for i, (_, code) in enumerate(REJECTED)])
@pytest.mark.parametrize("setter", ["set_transform", "set_transform_static"])
def test_nonsense_is_logged_and_changes_nothing(buffer, capfd, message, code, setter):
    fill(buffer, transform("w", "a", 1.0, (7.0, 0.0, 0.0)))
    before = buffer.all_frames_as_yaml()
    getattr(buffer, setter)(message, "joker")
    assert code in capfd.readouterr().err
    assert buffer.all_frames_as_yaml() == before
    assert xyz_of(buffer.lookup_transform("w", "a", LATEST))[0] == 7.0


def test_a_quaternion_is_scaled_and_a_leading_slash_dropped_on_the_way_in(buffer):
    fill(buffer, transform("/w", "/a", 1.0, xyzw=tuple(2.0 * value for value in about_z(0.5))))
    assert xyzw_of(buffer.lookup_transform("w", "a", at(1.0))) == pytest.approx(about_z(0.5), abs=1e-12)


def test_samples_are_kept_for_ten_seconds(buffer):
    fill(buffer, *(transform("w", "a", float(stamp), (stamp, 0.0, 0.0)) for stamp in range(1, 31)))
    # old samples go when the next one comes, so one more than the ten seconds may be there
    with pytest.raises(ExtrapolationException, match="into the past"):
        buffer.lookup_transform("w", "a", at(18.5))
    assert xyz_of(buffer.lookup_transform("w", "a", at(20.5)))[0] == pytest.approx(20.5)


def test_a_long_stream_stays_right_and_small():
    """Fifty times the cache length goes by; a lookup inside the cache is exact all the way, and nothing piles up."""
    buffer = Buffer(cache_time=lasting(2.0))
    message = transform("w", "a")
    tracemalloc.start()
    try:
        for step in range(20_000):
            stamp = 1.0 + 0.005 * step
            message.header.stamp = at(stamp).to_msg()
            message.transform.translation.x = 2.0 * stamp
            buffer.set_transform(message, "test")
            if step % 97 == 0 and step > 400:
                for age in (0.0, 0.0025, 1.0, 1.9975):
                    assert xyz_of(buffer.lookup_transform("w", "a", at(stamp - age)))[0] == pytest.approx(
                        2 * (stamp - age)
                    )
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()
    assert yaml.safe_load(buffer.all_frames_as_yaml())["a"]["rate"] == pytest.approx(200.0, rel=0.01)


@pytest.mark.parametrize("cache_s", [0.5, 40.0])
def test_the_cache_length_can_be_chosen(cache_s):
    buffer = Buffer(cache_time=lasting(cache_s))
    fill(buffer, *(transform("w", "a", 1.0 + 0.25 * step) for step in range(400)))
    newest = 1.0 + 0.25 * 399
    assert buffer.can_transform("w", "a", at(newest - cache_s + 0.01))
    assert not buffer.can_transform("w", "a", at(newest - cache_s - 0.51))


def test_data_older_than_the_cache_is_refused_with_a_warning(buffer, capfd):
    fill(buffer, transform("w", "a", 100.0), transform("w", "a", 101.0), transform("w", "a", 90.5))
    err = capfd.readouterr().err
    assert "TF_OLD_DATA ignoring data from the past for frame a at time 90.500000 according to authority test" in err
    assert not buffer.can_transform("w", "a", at(90.5))


def test_clear_forgets_what_moves_and_keeps_what_is_static(buffer):
    buffer.set_transform_static(transform("w", "table", xyz=(0.0, 0.0, 0.7)), "test")
    fill(buffer, transform("table", "a", 1.0))
    buffer.clear()
    assert buffer.can_transform("w", "table", at(4.0))
    assert not buffer.can_transform("w", "a", LATEST)
    fill(buffer, transform("table", "a", 0.5, (1.0, 0.0, 0.0)))  # an older time line may start
    assert xyz_of(buffer.lookup_transform("w", "a", LATEST)) == pytest.approx((1.0, 0.0, 0.7))


def test_the_frame_listing_is_yaml(buffer):
    assert yaml.safe_load(buffer.all_frames_as_yaml()) == []
    for step in range(11):
        buffer.set_transform(transform("w", "a", 1.0 + 0.1 * step), "motion")
    assert yaml.safe_load(buffer.all_frames_as_yaml()) == {
        "a": {
            "parent": "w",
            "broadcaster": "motion",
            "rate": 11.0,
            "most_recent_transform": 2.0,
            "oldest_transform": 1.0,
            "buffer_length": 1.0,
        }
    }
    assert buffer.all_frames_as_string() == "Frame a exists with parent w.\n"


def test_an_answer_belongs_to_the_caller(buffer):
    fill(buffer, transform("w", "a", 1.0, (1.0, 0.0, 0.0)))
    buffer.lookup_transform("w", "a", at(1.0)).transform.translation.x = 99.0
    assert xyz_of(buffer.lookup_transform("w", "a", at(1.0)))[0] == 1.0


def test_a_message_may_be_reused_after_it_was_set(buffer):
    message = transform("w", "a", 1.0, (1.0, 0.0, 0.0))
    buffer.set_transform(message, "test")
    message.transform.translation.x = 99.0
    assert xyz_of(buffer.lookup_transform("w", "a", at(1.0)))[0] == 1.0


def test_the_exceptions_are_a_family():
    for kind in (
        LookupException, ConnectivityException, ExtrapolationException, InvalidArgumentException, TimeoutException,
    ):  # fmt: skip
        assert issubclass(kind, TransformException)
