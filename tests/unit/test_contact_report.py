"""Contacts as messages."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from cablecell.core.fusion.contact_states import ContactState
from cablecell.core.insertion.contact_follower import Contact
from cablecell.ros.contact_report import ContactReport, contact_message

PROBABILITIES = np.array([0.05, 0.8, 0.1, 0.05, 0.0, 0.0, 0.0, 0.0])


def contact(time_s, state=ContactState.FACE, point=None):
    force, moment = np.array([1.0, 2.0, -12.0]), np.array([0.1, 0.2, 0.3])
    return Contact(time_s, state, PROBABILITIES, 1e-4, force, moment, point, 0.0 if point is None else 0.001)


def test_a_message_says_what_the_contact_is():
    message = contact_message(contact(12.5, point=np.array([0.003, 0.0, 1e-4])), "card/port")
    assert message.header.frame_id == "card/port_entrance"
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (12, 500_000_000)
    assert (message.port_name, message.state) == ("card/port", message.STATE_FACE)
    assert message.confidence == pytest.approx(0.8)
    assert list(message.probabilities) == PROBABILITIES.tolist()
    assert (message.wrench.force.z, message.wrench.torque.y) == (-12.0, 0.2)
    assert message.has_contact_point
    assert (message.contact_point.x, message.contact_point_std) == (0.003, 0.001)
    assert not contact_message(contact(12.5), "card/port").has_contact_point


def test_a_message_has_a_number_for_every_state():
    names = {f"STATE_{state.name}": int(state) for state in ContactState}
    message = contact_message(contact(1.0), "port")
    assert {name: getattr(message, name) for name in names} == names
    assert len(message.probabilities) == len(ContactState)


def test_every_change_is_published_and_one_state_ten_times_a_second():
    sent = []
    publisher = SimpleNamespace(publish=sent.append)
    report = ContactReport(SimpleNamespace(create_lifecycle_publisher=lambda *_: publisher))
    for tick in range(100):
        report.take(contact(5.0 + 0.01 * tick), "port")
    assert 9 <= len(sent) <= 11
    report.take(None, "port")
    report.take(contact(6.001, ContactState.CHAMFER), "port")
    report.take(contact(6.002, ContactState.FACE), "port")
    assert [message.state for message in sent[-2:]] == [ContactState.CHAMFER, ContactState.FACE]
    count = len(sent)
    report.take(contact(1.0), "port")
    assert len(sent) == count + 1, "a clock that was set back silences nothing"
