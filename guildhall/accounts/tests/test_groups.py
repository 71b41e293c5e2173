"""Permission groups: what they give counts everywhere at once, and nobody gives what they do not hold."""

from __future__ import annotations

import pytest

from guildhall.accounts import services
from guildhall.accounts.authority import Change, require_authority_over
from guildhall.accounts.models import PermissionGroup, User
from guildhall.accounts.permissions import principal_for, role_scopes
from guildhall.accounts.selectors import permissions_of
from guildhall.accounts.services import create_api_key, create_person
from guildhall.core.errors import BadInput, Conflict, NotAllowed

pytestmark = pytest.mark.django_db
READY_MADE = ["Loot officer", "Raid leader", "Recruiter", "Treasurer"]


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


@pytest.fixture
def officer() -> User:
    return create_person(display_name="Boss", role_group="officer")


@pytest.fixture
def member() -> User:
    return create_person(display_name="Aeli", role_group="member")


def group(name: str) -> PermissionGroup:
    return PermissionGroup.objects.get(name=name)


def test_a_guild_begins_with_the_groups_that_guilds_have() -> None:
    assert sorted(PermissionGroup.objects.filter(for_role="").values_list("name", flat=True)) == READY_MADE
    leader = set(group("Raid leader").scopes)
    assert {"raids:write", "loot:write", "bidding:run"} <= leader
    assert not leader & {"points:write", "roster:write", "discord:write", "recruitment:review"}


def test_what_a_group_gives_is_held_at_once_and_gone_at_once(officer: User, member: User) -> None:
    services.give_group(user=member, group=group("Raid leader"), actor=officer)
    held = fresh(member)
    assert "raids:write" in role_scopes(held)
    assert "points:write" not in role_scopes(held)
    assert held.groups.filter(name="Raid leader (permissions)").exists()
    services.take_group(user=member, group=group("Raid leader"), actor=officer)
    assert "raids:write" not in role_scopes(fresh(member))
    assert not fresh(member).groups.filter(name="Raid leader (permissions)").exists()
    assert services.groups_out_of_step() == []


def test_a_key_shrinks_when_a_group_is_taken_away(officer: User, member: User) -> None:
    leader = services.give_group(user=member, group=group("Raid leader"), actor=officer)
    key, _ = create_api_key(user=leader, name="log reader", scopes=["raids:write", "raids:read"])
    assert principal_for(fresh(member), key).can("raids:write")
    services.edit_group(group=group("Raid leader"), actor=officer, scopes=["raids:read", "loot:write"])
    shrunk = principal_for(fresh(member), key)
    assert not shrunk.can("raids:write")
    assert shrunk.can("raids:read")
    with pytest.raises(BadInput, match="does not allow raids:write"):
        create_api_key(user=fresh(member), name="another", scopes=["raids:write"])


def test_changing_a_group_changes_what_its_holders_may_do(officer: User, member: User) -> None:
    made = services.create_group(name="Banker", scopes=["points:write"], actor=officer)
    services.give_group(user=member, group=made, actor=officer)
    services.edit_group(group=made, scopes=["roster:write"], actor=officer)
    assert {"roster:write"} == set(fresh(member).extra_scopes)
    services.remove_group(group=made, actor=officer)
    assert fresh(member).extra_scopes == []


@pytest.mark.parametrize("scopes", [["admin"], ["account:write"], ["no:such"]])
def test_what_no_group_gives(officer: User, scopes: list[str]) -> None:
    with pytest.raises(BadInput):
        services.create_group(name="Too much", scopes=scopes, actor=officer)


@pytest.mark.parametrize("role", ["member", "recruiter"])
def test_only_officers_change_groups(officer: User, member: User, role: str) -> None:
    somebody = create_person(display_name="Somebody", role_group=role)
    services.give_group(user=somebody, group=services.create_group(name="R", scopes=["roster:write"], actor=officer),
                        actor=officer)  # fmt: skip
    somebody = fresh(somebody)
    for change in (
        lambda: services.create_group(name="Mine", scopes=["roster:write"], actor=somebody),
        lambda: services.edit_group(group=group("R"), scopes=[], actor=somebody),
        lambda: services.remove_group(group=group("R"), actor=somebody),
        lambda: services.give_group(user=member, group=group("R"), actor=somebody),
        lambda: services.take_group(user=somebody, group=group("R"), actor=somebody),
    ):
        with pytest.raises(NotAllowed):
            change()


def test_a_key_of_an_officer_gives_only_with_all_of_an_officers_permissions(officer: User, member: User) -> None:
    weak, _ = create_api_key(user=officer, name="weak", scopes=["roster:write", "raids:write"])
    with pytest.raises(NotAllowed):
        services.give_group(user=member, group=group("Raid leader"), actor=officer, by=principal_for(officer, weak))
    whole, _ = create_api_key(user=officer, name="whole")
    services.give_group(user=member, group=group("Raid leader"), actor=officer, by=principal_for(officer, whole))


def test_whoever_has_a_group_is_changed_by_those_who_may_as_much(officer: User, member: User) -> None:
    bot = services.get_or_create_bot(name="linker")
    key, _ = create_api_key(user=bot, name="k", scopes=["discord:write"], kind="bot")
    linker = principal_for(bot, key)
    require_authority_over(linker, member, change=Change.LINK)
    leader = services.give_group(user=member, group=group("Raid leader"), actor=officer)
    with pytest.raises(NotAllowed):
        require_authority_over(linker, leader, change=Change.LINK)
    require_authority_over(principal_for(officer), leader, change=Change.LINK)


def test_somebody_on_trial_has_the_groups_permissions_with_the_role_and_only_with_it(officer: User) -> None:
    trial = create_person(display_name="New", role_group="applicant")
    assert set(fresh(trial).extra_scopes) == {"raids:signup", "calendar:read", "own:read"}
    services.edit_group(group=group("On trial"), scopes=["raids:read", "own:read"], actor=officer)
    assert role_scopes(fresh(trial)) >= {"raids:read", "own:read"}
    services.set_role_group(user=trial, role_group="guest", actor=officer)
    assert fresh(trial).extra_scopes == []
    with pytest.raises(Conflict):
        services.remove_group(group=group("On trial"), actor=officer)
    with pytest.raises(BadInput):
        services.give_group(user=trial, group=group("On trial"), actor=officer)


def test_each_permission_says_what_gives_it(officer: User, member: User) -> None:
    services.give_group(user=member, group=group("Raid leader"), actor=officer)
    services.set_groups_by_discord(held={member.pk: [(group("Loot officer").pk, "800")]})
    found = {row.scope: row.sources for row in permissions_of(fresh(member), discord_roles={"800": "Master Looter"})}
    assert found["loot:write"] == ("the group Loot officer, by the Discord role Master Looter", "the group Raid leader")
    assert found["bidding:write"][0] == "the role member"
    assert found["points:write"] == ()
    assert {row.scope for row in permissions_of(fresh(member)) if row.is_held} == role_scopes(fresh(member))


def test_a_group_by_discord_goes_with_the_role_and_is_not_taken_by_hand(officer: User, member: User) -> None:
    services.set_groups_by_discord(held={member.pk: [(group("Raid leader").pk, "800")]})
    with pytest.raises(Conflict, match="Discord role"):
        services.take_group(user=member, group=group("Raid leader"), actor=officer)
    services.set_groups_by_discord(held={member.pk: []})
    assert fresh(member).extra_scopes == []


def test_people_whom_an_import_stores_at_once_have_the_groups_of_their_role_at_once() -> None:
    from guildhall.eqdkp.importer.people import _NewUsers

    fresh_ones = _NewUsers()
    trial = fresh_ones.add("newcomer", "Newcomer", "", "applicant")
    plain = fresh_ones.add("plain", "Plain", "", "member")
    fresh_ones.store()
    assert set(fresh(trial).extra_scopes) == {"raids:signup", "calendar:read", "own:read"}
    assert fresh(trial).groups.filter(name="On trial (permissions)").exists()
    assert fresh(plain).extra_scopes == []
    assert services.groups_out_of_step() == []
