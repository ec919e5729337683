"""Link statistics and the pacing of an exercise."""

import math
import random

import pytest

from cablecell.core.errors import LinkRequestError
from cablecell.core.supervision.exercise import Exercise, ExerciseLimits, check_payload
from cablecell.core.supervision.link import LinkState, LinkStatistics

LIMITS = ExerciseLimits(count=1000, rate_hz=500.0, payload_bytes=64)


def _statistics(**changes):
    return LinkStatistics(**{"silence_limit_s": 0.5, "latency_limit_s": 0.05, "start_s": 0.0, **changes})


def test_gaps_are_lost_messages():
    rng = random.Random(1)
    statistics = _statistics()
    sent = sorted(rng.sample(range(1000), 700))
    for sequence in sent:
        statistics.add(sequence, 0.001, 0.001 * sequence)
    report = statistics.report(1.0)
    assert report.received == 700
    assert report.lost == sent[-1] - sent[0] + 1 - 700


def test_restarted_sender_is_not_a_loss():
    statistics = _statistics()
    for sequence in (*range(10), *range(5)):
        statistics.add(sequence, 0.001, 0.1)
    assert statistics.report(0.1).lost == 0


def test_silence_is_judged_at_its_limit():
    statistics = _statistics()
    statistics.add(0, 0.001, 1.0)
    assert statistics.report(1.5).state is LinkState.OK
    late = statistics.report(1.501)
    assert late.state is LinkState.LOST
    assert "limit is 0.500 s" in late.reason


def test_slow_link_is_degraded():
    statistics = _statistics()
    for sequence in range(100):
        statistics.add(sequence, 0.001 if sequence % 10 else 0.2, 0.0)
    report = statistics.report(0.1)
    assert report.state is LinkState.DEGRADED
    assert report.latency_median_s == 0.001
    assert report.latency_p99_s == 0.2


def test_no_message_gives_no_number():
    report = _statistics().report(0.2)
    assert math.isnan(report.latency_median_s)
    assert report.state is LinkState.OK


@pytest.mark.parametrize("bad", [{"silence_limit_s": 0.0}, {"latency_limit_s": math.nan}, {"window": 0}])
def test_limits_must_be_positive(bad):
    with pytest.raises(ValueError, match="must be > 0"):
        _statistics(**bad)


@pytest.mark.parametrize("seed", range(20))
def test_mean_rate_is_kept_however_irregular_the_calls(seed):
    rng = random.Random(seed)
    exercise = Exercise(200, 100.0, 0, LIMITS, start_s=7.0)
    now_s, total = 7.0, 0
    while not exercise.is_done:
        now_s += rng.expovariate(80.0)
        total += exercise.take_due(now_s)
        assert exercise.sent == total
        assert abs(exercise.sent - min(200.0, (now_s - 7.0) * 100.0)) <= 1.0 + 1e-6
    assert total == 200
    assert exercise.take_due(now_s + 10.0) == 0
    assert exercise.time_to_next(now_s) == 0.0


def test_waiting_time_leads_to_the_next_message():
    exercise = Exercise(3, 10.0, 0, LIMITS, start_s=0.0)
    assert exercise.take_due(0.0) == 1
    assert exercise.time_to_next(0.03) == pytest.approx(0.07)
    assert exercise.take_due(0.0999) == 0
    assert exercise.take_due(0.1) == 1


@pytest.mark.parametrize(
    ("count", "rate_hz", "payload", "message"),
    [
        (0, 10.0, 0, "count = 0 is refused: it must be 1 to 1000"),
        (1001, 10.0, 0, "count = 1001"),
        (1, 0.0, 0, "rate_hz = 0.0 Hz"),
        (1, math.nan, 0, "rate_hz = nan Hz"),
        (1, math.inf, 0, "rate_hz = inf Hz"),
        (1, 500.1, 0, "at most 500.0 Hz"),
        (1, 10.0, 65, "payload_bytes = 65 B is refused: it must be 0 B to 64 B"),
    ],
)
def test_request_beyond_the_limits_is_refused(count, rate_hz, payload, message):
    with pytest.raises(LinkRequestError) as caught:
        Exercise(count, rate_hz, payload, LIMITS, start_s=0.0)
    assert message in str(caught.value)
    assert caught.value.code == 602


def test_payload_limit():
    check_payload(64, 64)
    with pytest.raises(LinkRequestError, match="payload = 65 B"):
        check_payload(65, 64)
