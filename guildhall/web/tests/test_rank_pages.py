"""Ranks on the site: made, changed, removed where unused, given to many and taken back; two people merged."""

from __future__ import annotations

import pytest

from guildhall.roster.models import Rank
from guildhall.roster.services import create_rank, set_rank

from .conftest import Guild, confirmed
from .test_character_pages import send


def test_a_rank_is_made_renamed_and_ordered(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    send(client, "/officers/ranks/", form="create", name="Raider", order="10", is_default="1")
    rank = Rank.objects.get()
    send(client, "/officers/ranks/", form=f"change-{rank.pk}", name="Core", order="5", is_hidden="1")
    rank.refresh_from_db()
    assert (rank.name, rank.order, rank.is_default, rank.is_hidden) == ("Core", 5, False, True)


def test_a_rank_goes_where_it_is_unused_and_says_why_it_stays(sign_in, guild: Guild) -> None:
    client, rank = sign_in("officer"), create_rank(name="Raider", actor=guild.officer)
    character = guild.characters["Sorrel"]
    set_rank(character=character, rank=rank, actor=guild.officer)
    page = client.get("/officers/ranks/").content.decode()
    assert f"remove-{rank.pk}" not in page
    set_rank(character=character, rank=None, actor=guild.officer)
    page = client.get("/officers/ranks/").content.decode()
    assert "once held it" in page
    assert send(client, "/officers/ranks/", form=f"remove-{rank.pk}").status_code == 409
    unused = create_rank(name="Trial", actor=guild.officer)
    send(client, "/officers/ranks/", form=f"remove-{unused.pk}")
    assert list(Rank.objects.all()) == [rank]


def test_many_get_a_rank_in_one_press_and_it_is_taken_back(sign_in, guild: Guild) -> None:
    client, rank, path = sign_in("officer"), create_rank(name="Raider", actor=guild.officer), "/officers/ranks/many/"
    fields = {"form": "bulk", "rank": rank.pk, "names": "sorrel, Brakkus", "characters": guild.characters["Nimwe"].pk}
    seen = send(client, path, step="preview", **fields)
    assert "3 of 3 characters would change" in seen.content.decode()
    page = client.post(path, {**confirmed(seen), "step": "give", "reason": "Trials passed", **fields}, follow=True)
    assert rank.characters.count() == 3
    batch = page.request["PATH_INFO"]
    assert batch.startswith("/batches/")
    client.post(batch, {**confirmed(page), "form": "undo", "reason": "Too early"})
    assert rank.characters.count() == 0


def test_what_changed_since_the_preview_is_not_carried_out(sign_in, guild: Guild) -> None:
    client, rank, path = sign_in("officer"), create_rank(name="Raider", actor=guild.officer), "/officers/ranks/many/"
    fields = {"form": "bulk", "rank": rank.pk, "names": "Sorrel\nBrakkus"}
    seen = send(client, path, step="preview", **fields)
    set_rank(character=guild.characters["Sorrel"], rank=rank, actor=guild.officer)
    page = client.post(path, {**confirmed(seen), "step": "give", **fields})
    assert page.status_code == 409
    assert "1 of 2 characters would change" in page.content.decode()
    assert rank.characters.count() == 1


@pytest.mark.parametrize(("names", "words"), [("Sorel", "did you mean Sorrel?"), ("", "at least one")])
def test_nobody_or_somebody_unknown_is_refused(sign_in, guild: Guild, names: str, words: str) -> None:
    rank = create_rank(name="Raider", actor=guild.officer)
    page = send(sign_in("officer"), "/officers/ranks/many/", form="bulk", step="preview", rank=rank.pk, names=names)
    assert page.status_code == 400
    assert words in page.content.decode()


@pytest.mark.parametrize("role", ["recruiter", "member", "guest"])
def test_only_officers_work_on_ranks(sign_in, guild: Guild, role: str) -> None:
    client = sign_in(role)
    assert {client.get(path).status_code for path in ("/officers/ranks/", "/officers/ranks/many/")} == {403}


def test_the_preview_of_a_merge_shows_both_balances_their_sum_and_that_it_is_final(sign_in, guild: Guild) -> None:
    path = f"/officers/people/{guild.member.pk}/"
    page = send(sign_in("officer"), path, form="merge", step="preview", source=guild.recruiter.pk, reason="Told me so")
    text = page.content.decode()
    assert "25.50 of Member + 25.50 of Recruiter = <b>51.00</b>" in text
    assert "A merge cannot be undone" in text
