"""`update_model`: refused fields, typed values, the difference, what is written and recorded; and that no service has its own copy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import Section, VisitorAccess
from guildhall.accounts.visitors import VisitorAccessChanges
from guildhall.auctions.models import BiddingRule
from guildhall.auctions.services.rules import RuleValues, save_rule
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.model_updates import Difference, field_names, refuse_unknown_fields, set_fields, update_model
from guildhall.core.models import AuditEvent
from guildhall.core.versions import StaleEdit, row_version
from guildhall.loot.models import Item
from guildhall.points.services import create_pool, update_pool
from guildhall.recruitment.models import RecruitmentPolicy
from guildhall.recruitment.services.reviewing import PolicyChanges
from guildhall.roster.models import Character, Rank

pytestmark = pytest.mark.django_db

PACKAGE = Path(__file__).parents[2]


class RankFields(TypedDict, total=False):
    name: str
    order: int
    is_trial: bool


class CharacterFields(TypedDict, total=False):
    name: str
    level: int | None
    rank: Rank | None
    race: str


def update(row: Any, changes: dict[str, Any], fields: type, **more: Any) -> Difference:
    return update_model(
        row,
        changes,
        fields=fields,
        actor=None,
        **{"action": "tests.update", "summary": lambda d: f"changed: {d}", **more},
    )


@pytest.fixture
def rank() -> Rank:
    return Rank.objects.create(name="Raider", order=5)


@pytest.fixture
def character(rank: Rank) -> Character:
    return Character.objects.create(name="Aeli", name_key="aeli", level=60, rank=rank)


def records() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action="tests.update"))


def test_a_change_is_saved_returned_and_recorded(rank: Rank) -> None:
    changed = update(rank, {"name": "Veteran", "order": 5}, RankFields)
    assert changed
    assert ("name" in changed, "order" in changed) == (True, False)
    assert (changed.before, changed.after) == ({"name": "Raider"}, {"name": "Veteran"})
    assert Rank.objects.get().name == "Veteran"
    (record,) = records()
    assert (record.summary, record.target_id) == ("changed: name", str(rank.pk))
    assert record.data == {"before": {"name": "Raider"}, "after": {"name": "Veteran"}}


def test_what_changes_nothing_writes_nothing(rank: Rank) -> None:
    with CaptureQueriesContext(connection) as queries:
        changed = update(rank, {"name": "Raider", "order": "5"}, RankFields)
    assert not changed
    assert str(changed) == "nothing"
    assert not queries.captured_queries
    assert records() == []
    assert rank.history.count() == 1


def test_only_the_columns_that_changed_are_written(rank: Rank) -> None:
    Rank.objects.filter(pk=rank.pk).update(is_hidden=True)  # by somebody else, since this row was read
    update(rank, {"order": 7}, RankFields)
    assert list(Rank.objects.values_list("order", "is_hidden")) == [(7, True)]


def test_the_time_of_the_change_is_kept_too(character: Character) -> None:
    before = Character.objects.get().updated_at
    update(character, {"level": 61}, CharacterFields)
    assert Character.objects.get().updated_at > before


@pytest.mark.parametrize("name", ["is_hidden", "pk", "id", "history", "colour", "x" * 100])
def test_an_unknown_field_is_refused_and_nothing_is_set(rank: Rank, name: str) -> None:
    with pytest.raises(BadInput) as refused:
        update(rank, {"name": "Veteran", name: "1"}, RankFields)
    assert (refused.value.code, refused.value.attr) == ("unknown_field", name[:60])
    assert "is_trial, name, order" in refused.value.detail
    assert rank.name == "Raider"


@pytest.mark.parametrize(
    ("fields", "name", "value", "code"),
    [
        (RankFields, "order", "many", "invalid"),
        (RankFields, "order", None, "required"),
        (RankFields, "is_trial", "perhaps", "invalid"),
        (RankFields, "name", None, "required"),
        (RankFields, "name", "x" * 61, "too_long"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(rank: Rank, fields: type, name: str, value: Any, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        update(rank, {name: value}, fields)
    assert (refused.value.code, refused.value.attr) == (code, name)


def test_text_becomes_the_columns_type(rank: Rank) -> None:
    changed = update(rank, {"order": "12", "is_trial": "True"}, RankFields)
    assert (rank.order, rank.is_trial) == (12, True)
    assert changed.after == {"order": 12, "is_trial": True}


def test_points_are_read_by_their_own_rules() -> None:
    pool = create_pool(name="Velious")
    with pytest.raises(BadInput) as refused:
        update_pool(pool=pool, start_points="1.001", actor=None)
    assert (refused.value.code, refused.value.attr) == ("too_many_decimals", "start_points")
    assert update_pool(pool=pool, start_points="2.5", actor=None).start_points == Decimal("2.50")


def test_a_related_row_is_recorded_by_its_name_and_may_be_emptied(character: Character) -> None:
    other = Rank.objects.create(name="Leader", order=1)
    assert update(character, {"rank": other}, CharacterFields).data == {
        "before": {"rank": "Raider"}, "after": {"rank": "Leader"},
    }  # fmt: skip
    assert update(character, {"rank": None, "level": None}, CharacterFields).data["after"] == {
        "rank": "None", "level": "None",
    }  # fmt: skip
    assert Character.objects.get().rank is None


def test_what_the_check_sets_is_written_and_belongs_to_the_difference(character: Character) -> None:
    def check() -> None:
        character.name_key, character.race, character.profile = "borin", "dwarf", {"old": 1}

    changed = update(character, {"name": "Borin"}, CharacterFields, check=check)
    assert set(changed.after) == {"name", "race"}  # the key and the profile are nobody's to set
    assert changed.written == {"name", "name_key", "race", "profile"}
    stored = Character.objects.get()
    assert (stored.name_key, stored.race, stored.profile) == ("borin", "dwarf", {"old": 1})


def test_a_refusal_of_the_check_writes_nothing(rank: Rank) -> None:
    def check() -> None:
        raise Conflict("No.", code="no")

    with pytest.raises(Conflict):
        update(rank, {"name": "Veteran"}, RankFields, check=check)
    assert Rank.objects.get().name == "Raider"
    assert records() == []


def test_a_value_that_is_changed_in_place_counts() -> None:
    item = Item.objects.create(name="Cloak", name_key="cloak", metadata={"classes": ["Cleric"]})

    class Fields(TypedDict, total=False):
        metadata: dict[str, Any]
        category: str

    def check() -> None:
        item.metadata["classes"].append("Druid")

    assert "metadata" in update(item, {"category": ""}, Fields, check=check)
    assert Item.objects.get().metadata == {"classes": ["Cleric", "Druid"]}


def test_a_taken_name_is_the_callers_error_and_the_transaction_goes_on(rank: Rank) -> None:
    Rank.objects.create(name="Leader")
    with pytest.raises(Conflict) as refused:
        update(rank, {"name": "Leader"}, RankFields, conflict=lambda: Conflict("Taken.", code="name_taken"))
    assert refused.value.code == "name_taken"
    assert Rank.objects.count() == 2


def test_the_models_own_validators_run_where_they_are_asked_for() -> None:
    policy = RecruitmentPolicy.objects.create(pk=1)
    with pytest.raises(BadInput) as refused:
        update(policy, {"trial_days": 1000}, PolicyChanges, full_clean=True)
    assert refused.value.attr == "trial_days"
    assert update(RecruitmentPolicy.objects.get(), {"trial_days": 1000}, PolicyChanges)


def test_a_new_row_is_inserted() -> None:
    rank = Rank()
    changed = update(rank, {"name": "Raider"}, RankFields)
    assert (changed.before, changed.after) == ({}, {"name": "Raider"})
    assert Rank.objects.get() == rank
    assert records()[0].target_id == str(rank.pk)


def test_linked_rows_are_part_of_the_difference(rank: Rank) -> None:
    other = Rank.objects.create(name="Leader")
    rule = save_rule(actor=None, name="No", effect="deny", ranks=[rank])
    assert list(rule.ranks.all()) == [rank]

    changed = update(BiddingRule.objects.get(), {"ranks": [other, rank]}, RuleValues)
    assert changed.data == {"before": {"ranks": ["Raider"]}, "after": {"ranks": ["Raider", "Leader"]}}
    assert not update(BiddingRule.objects.get(), {"ranks": [rank, other]}, RuleValues)
    assert update(BiddingRule.objects.get(), {"ranks": []}, RuleValues).after == {"ranks": []}
    assert not rule.ranks.exists()


def test_the_caller_may_record_the_change_itself(rank: Rank) -> None:
    update(rank, {"order": 1}, RankFields, action=None)
    assert records() == []
    update(rank, {"order": 2}, RankFields, summary="another order")
    (record,) = records()
    assert record.summary == "another order"
    assert record.data == {"before": {"order": "1"}, "after": {"order": "2"}}


def test_what_somebody_else_changed_is_refused_with_both_versions_and_what_is_there_already_passes(rank: Rank) -> None:
    seen = row_version(rank, ["name", "order"])
    update(rank, {"order": 7, "is_trial": True}, RankFields, action=None)
    with pytest.raises(StaleEdit, match=r"order: “7” \(you sent “3”\)") as refused:
        update(rank, {"order": "3"}, RankFields, seen=seen)
    assert refused.value.figures["version"] == row_version(rank, ["name", "order"])
    assert not update(rank, {"order": "7"}, RankFields, seen=seen)
    assert update(rank, {"order": 3}, RankFields, seen=str(refused.value.figures["version"])).after == {"order": 3}
    seen = row_version(rank, ["name"])  # of other columns: nobody changed those
    update(rank, {"order": 4}, RankFields, action=None)
    assert update(rank, {"name": "Leader"}, RankFields, seen=seen)


def test_set_fields_saves_nothing(rank: Rank) -> None:
    set_fields(rank, {"order": "3"}, fields=RankFields)
    assert (rank.order, Rank.objects.get().order) == (3, 5)
    with pytest.raises(BadInput):
        refuse_unknown_fields(["order", "id"], RankFields)


def test_typed_dicts_name_all_that_can_be_set() -> None:
    policy = RecruitmentPolicy._meta.concrete_fields
    assert field_names(PolicyChanges) == {
        column.name for column in policy if column.editable and not column.primary_key
    }
    assert field_names(VisitorAccessChanges) == set(Section.values)
    assert field_names(VisitorAccessChanges) < {column.name for column in VisitorAccess._meta.concrete_fields}


ARGUMENTS_OF_OTHERS = ("discord/messages/posting.py: post", "discord/messages/posting.py: direct_message")
"""Services whose further arguments are no fields: those of the function that builds a message."""


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        # The importer writes what another system says, with a record of its own, and is no change that a person makes.
        if not {"tests", "migrations"} & set(path.parts) and not name.startswith("eqdkp/importer/"):
            yield name, ast.parse(path.read_text())


def copies(name: str, tree: ast.Module) -> list[str]:
    """What a module does by itself that `core.model_updates` does: set fields by name, refuse unknown ones, take anything."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            found.append(f"{name}:{node.lineno}: setattr")
        if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
            if node.value.value == "unknown_field":
                found.append(f"{name}:{node.value.lineno}: unknown_field")
        if isinstance(node, ast.FunctionDef) and node.args.kwarg is not None:
            is_service = any(isinstance(one, ast.Name) and one.id == "use_case" for one in node.decorator_list)
            annotation = node.args.kwarg.annotation
            if is_service and not (isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Unpack"):
                found.append(f"{name}: {node.name} takes **{node.args.kwarg.arg} of any name")
    return found


def test_no_module_has_a_copy_of_its_own() -> None:
    found = [copy for name, tree in _modules() if name != "core/model_updates.py" for copy in copies(name, tree)]
    found = [
        copy for copy in found if not copy.startswith("core/statements.py")
    ]  # it puts annotations on rows that were read
    assert [copy for copy in found if not copy.startswith(ARGUMENTS_OF_OTHERS)] == []


@pytest.mark.parametrize(
    "text",
    [
        "for name, value in changes.items():\n    setattr(row, name, value)",
        "raise BadInput('No.', code='unknown_field')",
        "@use_case\ndef change(**changes: Any) -> None: ...",
        "@use_case\ndef change(**changes) -> None: ...",
    ],
)
def test_a_copy_would_be_found(text: str) -> None:
    assert copies("module.py", ast.parse(text))
