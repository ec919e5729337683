"""Whose arm it is when its holder has died: told by its process, or else by the graph."""

import logging
import threading

import pytest
from cablecell_interfaces.srv import RequestControl

from cablecell.ros.supervisor_control import ControlDesk


class Node:
    """What the desk needs of the supervisor, with a graph that a test writes."""

    def __init__(self):
        self.graph = [("teleop", "/"), ("teleop", "/left")]

    def create_service(self, service_type, name, answer):
        self.answer = answer
        return name

    def destroy_service(self, service):
        del self.answer

    def get_node_names_and_namespaces(self):
        return self.graph

    def get_logger(self):
        return logging.getLogger("desk")


class Desk:
    def __init__(self):
        self.node, self.alive, self.changes = Node(), None, []
        self.desk = ControlDesk(self.node, threading.Lock(), lambda: True, lambda name: self.alive, self.changes.append)

    def take(self, holder):
        return self.node.answer(RequestControl.Request(holder=holder, take=True), RequestControl.Response()).error_code


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    desk.desk.destroy()


@pytest.mark.parametrize("holder", ["/teleop", "/left/teleop"])
def test_a_holder_of_unknown_process_that_left_the_graph_is_gone(desk, holder):
    assert desk.take(holder) == 0
    assert desk.take("/console") == 620
    desk.node.graph = []
    assert desk.take("/console") == 0
    assert desk.desk.holder == "/console"


def test_another_node_of_that_name_in_another_namespace_is_not_the_holder(desk):
    assert desk.take("/left/teleop") == 0
    desk.node.graph = [("teleop", "/")]
    assert desk.take("/console") == 0


def test_the_process_has_the_word_where_it_is_known(desk):
    assert desk.take("/teleop") == 0
    desk.alive, desk.node.graph = True, []
    assert desk.take("/console") == 620
    desk.alive, desk.node.graph = False, [("teleop", "/")]
    assert desk.take("/console") == 0


def test_a_holder_that_never_was_in_the_graph_keeps_the_arm(desk):
    assert desk.take("/somebody") == 0
    desk.node.graph = []
    assert desk.take("/console") == 620
    assert desk.take("/somebody") == 0
    assert desk.changes == ["/somebody has control of the arm"]


def test_a_holder_that_the_graph_shows_late_is_watched_from_then_on(desk):
    node, desk.node.graph = desk.node.graph, []
    assert desk.take("/teleop") == 0
    desk.node.graph = node
    assert desk.take("/console") == 620
    desk.node.graph = []
    assert desk.take("/console") == 0
