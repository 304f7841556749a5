"""Every role × action × relation, against a table written out from the domain description by hand."""

from __future__ import annotations

from itertools import product
from typing import cast

import pytest

from moderation.permissions import Action, Capacity, Office, Relation, permitted, relation_to
from protocol.values import Role

# One line for each action and relation that anyone may do anything to; letters are the capacities that may:
# P participant, M mentor of the room, T therapist who is visible in the room; outside of it A assigned therapist,
# O therapist on call, L clinical lead, D admin, H whoever is signed in. All
# that is absent is refused.
EXPECTED = """
enter                  room         PMT
leave                  own          PMT
publish                own          PMT
subscribe              room         PMT
set_devices            own          PMT
share_screen           own          PMT
set_listening          own          PMT
set_not_alone          own          PMT
see_not_alone          own          PMT
see_not_alone          participant   MT
see_not_alone          staff         MT
react                  room         PMT
post_chat              room         PMT
raise_hand             own          PMT
pass_turn              own          PMT
hide_chat              own           MT
hide_chat              participant   MT
hide_chat              staff         MT
show_chat              own           MT
show_chat              participant   MT
show_chat              staff         MT
read_hidden_chat       own            T
read_hidden_chat       participant    T
read_hidden_chat       staff          T
see_lobby              room          MT
admit                  participant   MT
move_to_lobby          participant   MT
remove                 participant   MT
give_turn              own           MT
give_turn              participant   MT
give_turn              staff         MT
deny_turn              participant   MT
deny_turn              staff         MT
close_turn             own           MT
close_turn             participant   MT
close_turn             staff         MT
extend_turn            own           MT
extend_turn            participant   MT
extend_turn            staff         MT
hold_turn              own           MT
hold_turn              participant   MT
hold_turn              staff         MT
set_turn_mode          room          MT
see_talk_time          own           MT
see_talk_time          participant   MT
see_talk_time          staff         MT
see_turn_time          own          PMT
see_turn_time          participant   MT
see_turn_time          staff         MT
see_turns_set          room          MT
set_companion          participant   MT
close_microphone       participant   MT
close_camera           participant   MT
close_screen           participant   MT
close_screen           staff         MT
allow_screen           participant   MT
see_allowed_screen     own          PMT
see_allowed_screen     participant   MT
see_allowed_screen     staff         MT
allow_microphone       participant   MT
see_closed_microphone  own          PMT
see_closed_microphone  participant   MT
see_closed_microphone  staff         MT
ask_for_cover          own           MT
see_needed_cover       own           MT
see_needed_cover       participant   MT
see_needed_cover       staff         MT
end_session            room          MT
flag                   own           MT
flag                   participant   MT
flag                   staff         MT
flag                   room          MT
report                 own          PMT
report                 participant  PMT
report                 staff        PMT
report                 room         PMT
call_for_help          own          PMT
call_for_help          participant  PMT
call_for_help          staff        PMT
call_for_help          room         PMT
see_flag_received      own          PMT
see_flag_status        own           MT
see_flag               own            TAOL
see_flag               room           TAOL
count_flags            own            TAOL
count_flags            room           TAOLD
count_flags            elsewhere      LD
acknowledge_flag       own            TAOL
acknowledge_flag       room           TAOL
resolve_flag           own            TAOL
resolve_flag           room           TAOL
watch_sessions         room           AOL
see_timeline           room           A
be_responder           room           AO
override_responder     room           L
override_responder     elsewhere      L
be_on_call             own            O
be_on_call             room           OL
monitor                room           AOL
break_glass            room           AOL
break_glass            elsewhere      L
review_break_glass     room           L
review_break_glass     elsewhere      L
whisper                room           AOL
step_in                room           AOL
hear_whispers          own           M
confirm_whereabouts    own          P
read_whereabouts       participant    TAOL
read_whereabouts       in_my_crisis  M
see_people             elsewhere      LD
invite                 participant    LD
invite                 staff          LD
disable_account        participant    LD
disable_account        staff          D
reset_account          participant    D
reset_account          staff          D
manage_factors         own            H
see_sign_ins           own            H
end_sign_ins           own            H
end_sign_ins           participant    D
end_sign_ins           staff          D
ask_for_role           participant    LD
ask_for_role           staff          LD
approve_role           participant    LD
approve_role           staff          LD
refuse_role            participant    LD
refuse_role            staff          LD
refuse_role            asked_by_me    LD
take_role              participant    LD
take_role              staff          LD
export_audit           room           L
export_audit           elsewhere      L
"""
LETTERS: dict[Capacity, str] = {
    Role.PARTICIPANT: "P",
    Role.MENTOR: "M",
    Role.THERAPIST: "T",
    Office.ASSIGNED: "A",
    Office.ON_CALL: "O",
    Office.CLINICAL_LEAD: "L",
    Office.ADMIN: "D",
    Office.HOLDER: "H",
}
ALLOWED = {
    (capacity, action, relation)
    for action, relation, letters in (line.split() for line in EXPECTED.strip().splitlines())
    for capacity, letter in LETTERS.items()
    if letter in letters
}
CAPACITIES: list[Capacity] = [*Role, *Office]
EVERY_CASE = list(product(CAPACITIES, Action, Relation))


@pytest.mark.parametrize(("role", "action", "relation"), EVERY_CASE)
def test_a_role_may_do_exactly_what_the_table_says(role: Capacity, action: Action, relation: Relation) -> None:
    assert permitted(role, action, relation) is ((role, action, relation) in ALLOWED)


def test_the_expected_table_speaks_only_of_roles_actions_and_relations_that_exist() -> None:
    assert set(EVERY_CASE) >= ALLOWED
    assert set(LETTERS) == set(CAPACITIES)


@pytest.mark.parametrize(("role", "relation"), list(product(CAPACITIES, Relation)))
@pytest.mark.parametrize("action", [Action.OPEN_MICROPHONE, Action.OPEN_CAMERA, Action.EDIT_FLAG, Action.DELETE_FLAG])
def test_nobody_ever_opens_anyones_microphone_or_camera_or_changes_a_flag(
    role: Capacity, action: Action, relation: Relation
) -> None:
    assert not permitted(role, action, relation)


@pytest.mark.parametrize("relation", [Relation.PARTICIPANT, Relation.STAFF, Relation.ROOM])
@pytest.mark.parametrize("role", CAPACITIES)
def test_nobody_sets_the_devices_of_another_person(role: Capacity, relation: Relation) -> None:
    assert not permitted(role, Action.SET_DEVICES, relation)


@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("role", CAPACITIES)
def test_an_action_that_is_not_in_the_table_is_refused(role: Capacity, relation: Relation) -> None:
    assert not permitted(role, cast("Action", "read_minds"), relation)


@pytest.mark.parametrize(("action", "relation"), list(product(Action, Relation)))
def test_a_role_that_is_not_in_the_table_may_do_nothing(action: Action, relation: Relation) -> None:
    assert not permitted(cast("Role", "visitor"), action, relation)


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


@pytest.mark.parametrize(("capacity", "action"), list(product(CAPACITIES, Action)))
def test_whom_a_flag_concerns_never_sees_counts_or_touches_it(capacity: Capacity, action: Action) -> None:
    assert not permitted(capacity, action, Relation.CONCERNS_ME)


ADMINS = {
    Action.COUNT_FLAGS,
    Action.SEE_PEOPLE,
    Action.INVITE,
    Action.DISABLE_ACCOUNT,
    Action.RESET_ACCOUNT,
    Action.END_SIGN_INS,
    Action.ASK_FOR_ROLE,
    Action.APPROVE_ROLE,
    Action.REFUSE_ROLE,
    Action.TAKE_ROLE,
}
"""People and settings, and counts."""


@pytest.mark.parametrize("action", [action for action in Action if action not in ADMINS])
def test_an_admin_gets_no_further_than_people_and_counts(action: Action) -> None:
    assert not any(permitted(Office.ADMIN, action, relation) for relation in Relation)


ROLE_ACTIONS = [Action.ASK_FOR_ROLE, Action.APPROVE_ROLE, Action.TAKE_ROLE, Action.INVITE, Action.DISABLE_ACCOUNT]


@pytest.mark.parametrize(("capacity", "action"), list(product(CAPACITIES, ROLE_ACTIONS)))
def test_nobody_does_to_themselves_what_takes_another(capacity: Capacity, action: Action) -> None:
    assert not permitted(capacity, action, Relation.OWN)
    assert not permitted(capacity, action, Relation.ASKED_BY_ME)


@pytest.mark.parametrize(("role", "action"), list(product(Role, Action)))
def test_nobody_in_a_room_reaches_beyond_their_own_group(role: Role, action: Action) -> None:
    assert not permitted(role, action, Relation.ELSEWHERE)
