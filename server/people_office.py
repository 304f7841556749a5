"""People, their accounts and their roles, as admins and clinical leads change them.

Each change and its audit entry are one transaction. Whose sign-ins ended by it is said, for their pages to end at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moderation.permissions import Action, Office, Relation, permitted
from program.accounts import (
    Account,
    AccountState,
    account_of,
    add_account,
    all_accounts,
    folded_email,
    set_password,
    set_state,
)
from program.invitations import Purpose, end_invitations
from program.names import is_name
from program.people import Person, ProgramRole, add_person, find_person
from program.roles import (
    AT_ONCE,
    RoleRequest,
    add_request,
    decide,
    find_request,
    go_together,
    open_requests,
    with_role,
    without_role,
)
from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId
from server.accounts import Accounts
from server.auditing import Auditor
from server.auth import Auth
from server.clock import Clock
from server.denials import DeniedAttempt
from server.entries import AccountChanged, RoleAsked, RoleDecided, RoleTaken, SignInsEnded
from server.second_factors import SecondFactors
from server.storage.engine import reading, writing
from server.tokens import TokenSource, new_id


@dataclass(frozen=True, slots=True)
class Invited:
    """Someone new. `link` is told where it cannot be sent by e-mail; `request`: of the role that waits for approval."""

    person_id: IdentityId
    link: str | None
    request: str | None


class PeopleOffice:
    """Every change passes the permission function, with what the person acted on is to the one who acts."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        auth: Auth,
        auditor: Auditor,
        accounts: Accounts,
        factors: SecondFactors,
        *,
        on_roles: Callable[[], None],
        ids: TokenSource = new_id,
    ) -> None:
        """`on_roles` hears that somebody's roles are others now."""
        self._engine = engine
        self._clock = clock
        self._auth = auth
        self._auditor = auditor
        self._accounts = accounts
        self._factors = factors
        self._on_roles = on_roles
        self._ids = ids

    async def people(self, actor: Person) -> list[tuple[Person, Account]]:
        """Everyone with an account."""
        _check(actor, Action.SEE_PEOPLE, Relation.ELSEWHERE)
        async with reading(self._engine) as connection:
            found = [(await find_person(connection, each.person_id), each) for each in await all_accounts(connection)]
        return [(person, account) for person, account in found if person is not None]

    async def invite(self, actor: Person, name: str, email: str, role: ProgramRole) -> Invited:
        """Makes a person and sends them their link. Staff hold no role until a second person approved it.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            ProtocolError: INVALID_FIELD, of the name or the address.
            Refused: CONFLICT, that address has an account.
        """
        staff = role is not ProgramRole.PARTICIPANT
        _check(actor, Action.INVITE, Relation.STAFF if staff else Relation.PARTICIPANT)
        folded = folded_email(email)
        if not is_name(name) or folded is None or role is ProgramRole.NONE:
            raise raise_for(ErrorCode.INVALID_FIELD)
        person_id, now_ms = IdentityId(self._ids()), self._clock.now_ms()
        purpose = Purpose.ACCOUNT if staff else Purpose.INVITATION
        request = RoleRequest(self._ids(), person_id, role, actor.id, now_ms) if staff else None
        try:
            async with writing(self._engine) as connection:
                main = ProgramRole.NONE if staff else role
                await add_person(connection, Person(person_id, name, main, now_ms))
                invited = Account(person_id, folded, staff, None, AccountState.INVITED, now_ms)
                await add_account(connection, invited)
                url, until_ms = await self._accounts.make_link(connection, person_id, purpose, by=actor.id)
                await self._auditor.record(connection, AccountChanged(person_id, "made", actor.id))
                if request is not None:
                    await add_request(connection, request)
                    await self._auditor.record(connection, RoleAsked(person_id, role.value, actor.id))
        except IntegrityError:
            raise raise_for(ErrorCode.CONFLICT) from None
        return Invited(person_id, self._sent(folded, url, until_ms), request and request.id)

    async def invite_again(self, actor: Person, person_id: IdentityId) -> Invited:
        """A new link for someone who was invited and has not come; the old one ends. Raises as `invite`; NOT_FOUND."""
        async with writing(self._engine) as connection:
            _, account = await self._whom(connection, actor, person_id, Action.INVITE)
            if account.state is not AccountState.INVITED and account.staff:
                raise raise_for(ErrorCode.CONFLICT)
            purpose = Purpose.ACCOUNT if account.staff else Purpose.INVITATION
            await end_invitations(connection, person_id, self._clock.now_ms(), (purpose,))
            url, until_ms = await self._accounts.make_link(connection, person_id, purpose, by=actor.id)
            await self._auditor.record(connection, AccountChanged(person_id, "invited", actor.id))
        return Invited(person_id, self._sent(account.email, url, until_ms), None)

    async def set_disabled(self, actor: Person, person_id: IdentityId, *, disabled: bool) -> tuple[str, ...]:
        """Whether they may sign in; which sign-ins ended. Raises DeniedAttempt; Refused: NOT_FOUND, CONFLICT."""
        async with writing(self._engine) as connection:
            _, account = await self._whom(connection, actor, person_id, Action.DISABLE_ACCOUNT)
            back = AccountState.INVITED if account.staff and account.password_hash is None else AccountState.ACTIVE
            if (account.state is AccountState.DISABLED) is disabled:
                raise raise_for(ErrorCode.CONFLICT)
            await set_state(connection, person_id, AccountState.DISABLED if disabled else back)
            ended = await self._shut(connection, person_id) if disabled else ()
            what = "disabled" if disabled else "enabled"
            await self._auditor.record(connection, AccountChanged(person_id, what, actor.id))
        return ended

    async def reset(self, actor: Person, person_id: IdentityId) -> tuple[str, ...]:
        """Takes password and factors of someone of staff away, and sends a link to their own address, never to
        whoever asked: nobody resets an account in order to use it.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            Refused: NOT_FOUND; CONFLICT, no account of staff, or disabled; UNEXPECTED, no e-mail can be sent.
        """
        async with writing(self._engine) as connection:
            _, account = await self._whom(connection, actor, person_id, Action.RESET_ACCOUNT)
            if not account.staff or account.state is AccountState.DISABLED:
                raise raise_for(ErrorCode.CONFLICT)
            if not self._accounts.can_send:
                raise raise_for(ErrorCode.UNEXPECTED)
            ended = await self._shut(connection, person_id)
            await set_password(connection, person_id, None)
            await self._factors.forget(connection, person_id)
            url, until_ms = await self._accounts.make_link(connection, person_id, Purpose.ACCOUNT, by=actor.id)
            await self._auditor.record(connection, AccountChanged(person_id, "reset", actor.id))
        self._accounts.post(account.email, url, until_ms)
        return ended

    async def end_sign_ins(self, actor: Person, person_id: IdentityId) -> tuple[str, ...]:
        """Ends all sign-ins of another. Raises DeniedAttempt; Refused(NOT_FOUND)."""
        async with writing(self._engine) as connection:
            await self._whom(connection, actor, person_id, Action.END_SIGN_INS)
            ended = await self._auth.end_all(connection, person_id)
            await self._auditor.record(connection, SignInsEnded(person_id, len(ended), actor.id))
        return ended

    async def requests(self, actor: Person) -> list[tuple[RoleRequest, Person]]:
        """Roles that were asked for and nobody has decided on."""
        _check(actor, Action.SEE_PEOPLE, Relation.ELSEWHERE)
        async with reading(self._engine) as connection:
            found = [(each, await find_person(connection, each.person_id)) for each in await open_requests(connection)]
        return [(request, person) for request, person in found if person is not None]

    async def ask_for(self, actor: Person, person_id: IdentityId, role: ProgramRole) -> str | None:
        """Asks that a person be given a role; the request's id, None when they hold it from now on.

        Raises:
            DeniedAttempt: NOT_ALLOWED, of oneself above all.
            Refused: NOT_FOUND; CONFLICT, they hold it, it was asked for already, or it does not go with another.
        """
        now_ms, made = self._clock.now_ms(), self._ids()
        async with writing(self._engine) as connection:
            person, _ = await self._whom(connection, actor, person_id, Action.ASK_FOR_ROLE)
            waiting = {(each.person_id, each.role) for each in await open_requests(connection)}
            _check_fits(person, role)
            if (person_id, role) in waiting:
                raise raise_for(ErrorCode.CONFLICT)
            if role in AT_ONCE:
                await with_role(connection, person, role)
                await self._auditor.record(connection, RoleDecided(person_id, role.value, actor.id, approved=True))
                return None
            await add_request(connection, RoleRequest(made, person_id, role, actor.id, now_ms))
            await self._auditor.record(connection, RoleAsked(person_id, role.value, actor.id))
        return made

    async def decide(self, actor: Person, request_id: str, *, approved: bool) -> None:
        """Another person than the one who asked, and than the one concerned, gives the role, or does not.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            Refused: NOT_FOUND, there is none, or it is decided; CONFLICT, it does not go with another role.
        """
        action = Action.APPROVE_ROLE if approved else Action.REFUSE_ROLE
        async with writing(self._engine) as connection:
            # Before looking: who may decide nothing does not learn what there is to decide.
            if not _offices(actor):
                raise DeniedAttempt(ErrorCode.NOT_ALLOWED, action)
            request = await find_request(connection, request_id)
            if request is None:
                raise raise_for(ErrorCode.NOT_FOUND)
            asked_by_me = request.asked_by == actor.id and request.person_id != actor.id
            person, _ = await self._whom(
                connection, actor, request.person_id, action, Relation.ASKED_BY_ME if asked_by_me else None
            )
            if approved:
                _check_fits(person, request.role)
            if not await decide(connection, request, actor.id, self._clock.now_ms(), approved=approved):
                raise raise_for(ErrorCode.NOT_FOUND)
            if approved:
                await with_role(connection, person, request.role)
            entry = RoleDecided(person.id, request.role.value, actor.id, approved, request.asked_by)
            await self._auditor.record(connection, entry)
        if approved:
            self._on_roles()

    async def take(self, actor: Person, person_id: IdentityId, role: ProgramRole) -> tuple[str, ...]:
        """They hold that role no more, and are signed out: open pages were opened by it.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            Refused: NOT_FOUND, there is no such person, or they do not hold it.
        """
        async with writing(self._engine) as connection:
            person, _ = await self._whom(connection, actor, person_id, Action.TAKE_ROLE)
            if role not in person.roles:
                raise raise_for(ErrorCode.NOT_FOUND)
            await without_role(connection, person, role)
            ended = await self._auth.end_all(connection, person_id)
            await self._auditor.record(connection, RoleTaken(person_id, role.value, actor.id))
        self._on_roles()
        return ended

    async def _whom(
        self,
        connection: AsyncConnection,
        actor: Person,
        person_id: IdentityId,
        action: Action,
        relation: Relation | None = None,
    ) -> tuple[Person, Account]:
        """Whom it is about, once that is permitted. Who may do it to nobody does not learn whom there is."""
        if not _offices(actor):
            raise DeniedAttempt(ErrorCode.NOT_ALLOWED, action)
        person, account = await find_person(connection, person_id), await account_of(connection, person_id)
        if person is None or account is None:
            raise raise_for(ErrorCode.NOT_FOUND)
        towards = Relation.STAFF if account.staff else Relation.PARTICIPANT
        _check(actor, action, Relation.OWN if person_id == actor.id else relation or towards)
        return person, account

    async def _shut(self, connection: AsyncConnection, person_id: IdentityId) -> tuple[str, ...]:
        await end_invitations(connection, person_id, self._clock.now_ms())
        return await self._auth.end_all(connection, person_id)

    def _sent(self, email: str, url: str, until_ms: int) -> str | None:
        if not self._accounts.can_send:
            return url
        self._accounts.post(email, url, until_ms)
        return None


def _offices(actor: Person) -> list[Office]:
    offices = {ProgramRole.CLINICAL_LEAD: Office.CLINICAL_LEAD, ProgramRole.ADMIN: Office.ADMIN}
    return [office for role, office in offices.items() if role in actor.roles]


def _check(actor: Person, action: Action, relation: Relation) -> None:
    if not any(permitted(office, action, relation) for office in _offices(actor)):
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, action)


def _check_fits(person: Person, role: ProgramRole) -> None:
    if role in person.roles or role is ProgramRole.NONE or not go_together(person.roles | {role}):
        raise raise_for(ErrorCode.CONFLICT)
