"""Every role × action × relation, against a table written out from the domain description by hand."""

from __future__ import annotations

from itertools import product
from typing import cast

import pytest

from moderation.permissions import Action, Relation, permitted, relation_to
from protocol.values import Role

# One line for each action and relation that anyone may do anything to; letters are the roles that may:
# P participant, M mentor of the room, T therapist who is visible in the room. All that is absent is refused.
EXPECTED = """
enter                  room         PMT
leave                  own          PMT
publish                own          PMT
subscribe              room         PMT
set_devices            own          PMT
post_chat              room         PMT
hide_chat              own           MT
hide_chat              participant   MT
hide_chat              staff         MT
show_chat              own           MT
show_chat              participant   MT
show_chat              staff         MT
read_hidden_chat       own            T
read_hidden_chat       participant    T
read_hidden_chat       staff          T
close_microphone       participant   MT
allow_microphone       participant   MT
see_closed_microphone  own          PMT
see_closed_microphone  participant   MT
see_closed_microphone  staff         MT
end_session            room          MT
"""
LETTERS = {Role.PARTICIPANT: "P", Role.MENTOR: "M", Role.THERAPIST: "T"}
ALLOWED = {
    (role, action, relation)
    for action, relation, letters in (line.split() for line in EXPECTED.strip().splitlines())
    for role, letter in LETTERS.items()
    if letter in letters
}
EVERY_CASE = list(product(Role, Action, Relation))


@pytest.mark.parametrize(("role", "action", "relation"), EVERY_CASE)
def test_a_role_may_do_exactly_what_the_table_says(role: Role, action: Action, relation: Relation) -> None:
    assert permitted(role, action, relation) is ((role, action, relation) in ALLOWED)


def test_the_expected_table_speaks_only_of_roles_actions_and_relations_that_exist() -> None:
    assert set(EVERY_CASE) >= ALLOWED
    assert set(LETTERS) == set(Role)


@pytest.mark.parametrize(("role", "relation"), list(product(Role, Relation)))
@pytest.mark.parametrize("action", [Action.OPEN_MICROPHONE, Action.OPEN_CAMERA])
def test_nobody_ever_opens_a_microphone_or_camera_of_anyone(role: Role, action: Action, relation: Relation) -> None:
    assert not permitted(role, action, relation)


@pytest.mark.parametrize("relation", [Relation.PARTICIPANT, Relation.STAFF, Relation.ROOM])
@pytest.mark.parametrize("role", list(Role))
def test_nobody_sets_the_devices_of_another_person(role: Role, relation: Relation) -> None:
    assert not permitted(role, Action.SET_DEVICES, relation)


@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("role", list(Role))
def test_an_action_that_is_not_in_the_table_is_refused(role: Role, relation: Relation) -> None:
    assert not permitted(role, cast("Action", "read_minds"), relation)


@pytest.mark.parametrize(("action", "relation"), list(product(Action, Relation)))
def test_a_role_that_is_not_in_the_table_may_do_nothing(action: Action, relation: Relation) -> None:
    assert not permitted(cast("Role", "admin"), action, relation)


@pytest.mark.parametrize(
    ("owner", "own", "relation"),
    [
        (Role.PARTICIPANT, True, Relation.OWN),
        (Role.MENTOR, True, Relation.OWN),
        (Role.THERAPIST, True, Relation.OWN),
        (Role.PARTICIPANT, False, Relation.PARTICIPANT),
        (Role.MENTOR, False, Relation.STAFF),
        (Role.THERAPIST, False, Relation.STAFF),
    ],
)
def test_the_relation_to_a_person_is_own_or_follows_that_persons_role(
    owner: Role, *, own: bool, relation: Relation
) -> None:
    assert relation_to(owner, own=own) is relation
