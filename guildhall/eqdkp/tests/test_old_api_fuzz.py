"""Whatever is sent, the answer is readable in its format, says why nothing was done, and then nothing was."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guildhall.core.models import IdempotencyKey
from guildhall.eqdkp.api_format import MAX_BODY, parse_body, render
from guildhall.eqdkp.compat.views import READERS, WRITERS
from guildhall.points.models import LedgerEntry
from guildhall.raids.models import Raid
from guildhall.roster.models import Character

from .old_tool import BODIES, Tool, xml

pytestmark = pytest.mark.django_db
FORMS = ("json", "xml", "lua", "yaml")
quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def read(response: Any, form: str) -> Any:
    """The answer of a response, read as its format is; fails on a page of HTML and on anything but 200."""
    assert response.status_code == 200
    said = response.content
    if form == "json":
        assert response["Content-Type"] == "application/json; charset=utf-8"
        return json.loads(said)
    if form == "lua":
        text = said.decode()
        assert text.startswith("response = {")
        assert text.endswith("}")
        return {"status": 0 if '["status"] = "0"' in text else 1, "error": text}
    assert response["Content-Type"] == "text/xml; charset=utf-8"
    root = fromstring(said)
    return {"status": int(root.findtext("status") or 0), "error": root.findtext("error")}


def stored() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Raid, LedgerEntry, Character, IdempotencyKey))


@pytest.fixture
def no_accidents(caplog: pytest.LogCaptureFixture) -> Callable[[], None]:
    """Call it: nothing was answered with "internal error", which is for what nobody thought of."""
    caplog.set_level(logging.ERROR, logger="guildhall.eqdkp.compat.views")

    def check() -> None:
        accidents = [record for record in caplog.records if record.name.startswith("guildhall.eqdkp.compat")]
        assert not accidents, accidents[0].exc_text

    return check


def test_the_list_of_bodies_is_the_list_of_writers() -> None:
    assert BODIES.keys() == WRITERS.keys()


ODD: list[Any] = [
    None, True, False, [], {}, [[]], [[1, [2]], 3], {"a": {"b": {}}}, "", " ", "0", 0, -1, 1.5, -0.0, 10**30, -(10**30), 1e308,
    "NaN", "Infinity", "-inf", "1e999999999", "0x10", "١٢", "4 5", "4;DROP TABLE x", "2026-13-45 99:99", "0000-00-00 00:00",
    "0001-01-01 00:00", "9999-12-31 23:59", "99999999999", "\x00", "a\x00b", "\ud800", "😀" * 300, "x" * 100_000, "<x>&amp;",
    ["4"] * 2000, list(range(1500)), {"member": {"member": [4]}}, {"0": 4, "1": 5}, "' OR 1=1 --", "\r\n\t", [None, None],
]  # fmt: skip


@pytest.mark.parametrize("function", BODIES)
def test_every_field_with_every_oddity(tool: Tool, function: str, no_accidents: Callable[[], None]) -> None:
    for field in (*BODIES[function], "surprise"):
        for value in ODD:
            before = stored()
            query = f"/api.php?format=json&function={function}&atoken={tool.key}"
            data = json.dumps({**BODIES[function], field: value})
            answer = read(tool.client.post(query, data=data, content_type="application/json"), "json")
            if answer["status"] == 0:
                assert answer["error"], (field, value)
                assert stored() == before, (field, value)
            for nested in ("member",):  # the same one level down
                if isinstance(BODIES[function].get(field), dict):
                    data = json.dumps({**BODIES[function], field: {nested: value}})
                    before = stored()
                    answer = read(tool.client.post(query, data=data, content_type="application/json"), "json")
                    assert answer["status"] == 1 or stored() == before, (field, value)
    no_accidents()


BODIES_THAT_ARE_NONE: list[bytes] = [
    b"", b" ", b"null", b"[]", b"1", b'"x"', b"{", b'{"a":', b"{]", b"\xff\xfe\x00", b"\x00", b"<", b"<request>", b"<a/>",
    b"raid_date=2026-08-01&raid_value=3", b'{"raid_value": NaN}', b'{"raid_value": Infinity}', b'{"a": ' + b"9" * 5000 + b"}",
    b"[" * 200_000, b'{"a":' * 50_000, b"<a>" * 50_000, b"<a>" * 500 + b"</a>" * 500, b'{"a":' * 200 + b"1" + b"}" * 200,
    b'<?xml version="1.0" encoding="klingon"?><request/>', b'<?xml version="1.0" encoding="utf-16"?><request/>',
    b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><request><raid_note>&b;</raid_note></request>',
    b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><request><raid_note>&x;</raid_note></request>',
    b"<request><raid_date>\x01</raid_date></request>", b"<html><body>502 Bad Gateway</body></html>",
    b'{"raid_note": "' + b"x" * (MAX_BODY + 10) + b'"}', b"x" * (20 << 20),
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES_THAT_ARE_NONE, ids=range(len(BODIES_THAT_ARE_NONE)))
def test_a_body_that_is_none_is_refused_in_words(tool: Tool, body: bytes, no_accidents: Callable[[], None]) -> None:
    before = stored()
    for function, form in zip(BODIES, itertools.cycle(FORMS), strict=False):
        response = tool.client.post(
            f"/api.php?format={form}&function={function}&atoken={tool.key}", data=body, content_type="text/plain"
        )
        answer = read(response, form)
        assert answer["status"] == 0
        assert answer["error"]
    assert stored() == before
    no_accidents()


def test_a_body_of_another_type_is_read_all_the_same(tool: Tool, no_accidents: Callable[[], None]) -> None:
    types = (
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "",
        "nonsense",
    )
    for n, kind in enumerate(types):
        data = json.dumps({**BODIES["add_raid"], "raid_note": str(n)})
        path = f"/api.php?format=json&function=add_raid&atoken={tool.key}"
        assert read(tool.client.generic("POST", path, data, kind), "json")["status"] == 1, kind
    no_accidents()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@quick
@given(data=st.data())
def test_any_values_for_any_fields(tool: Tool, data: Any) -> None:
    function = data.draw(st.sampled_from(sorted(BODIES)))
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(BODIES[function])), json_values, max_size=3))
    form = data.draw(st.sampled_from(FORMS))
    before = stored()
    response = tool.client.post(
        f"/api.php?format={form}&function={function}&atoken={tool.key}&test={data.draw(st.sampled_from('01'))}",
        data=json.dumps({**BODIES[function], **changes}), content_type="application/json",
    )  # fmt: skip
    answer = read(response, form)
    assert "internal error" not in (answer.get("error") or "")
    if answer["status"] == 0:
        assert stored() == before


@quick
@given(
    function=st.sampled_from([*READERS, "zzz", ""]),
    params=st.dictionaries(
        st.sampled_from(
            ["number", "start", "filter", "filterid", "memberdata", "include_html", "add_columns", "raids_only", "eventid",
             "in", "for", "user_id", "userid", "one_table", "atype", "test", "x"]
        ),
        st.text(max_size=20) | st.integers().map(str) | st.sampled_from(
            ["character", "user", "charname", "charid", "username", "userid", "auth_account", "items,adjustments", "true"]
        ),
        max_size=5,
    ),
    form=st.sampled_from(FORMS),
)  # fmt: skip
def test_any_question_is_answered(tool: Tool, function: str, params: dict[str, str], form: str) -> None:
    query = {**{name: value.encode("utf-8", "replace") for name, value in params.items()}, "function": function}
    response = tool.client.get("/api.php", {**query, "format": form, "atoken": tool.key})
    if form == "lua" and params.get("one_table") == "false":
        assert response.status_code == 200
        return
    assert "internal error" not in (read(response, form).get("error") or "")


@pytest.mark.parametrize(
    "query", ["a=" + "x" * 9000, "&".join(["a=1"] * 3000), "%00=%00", "%ff%fe", "atoken[]=1", "&&==&"]
)
def test_odd_queries(tool: Tool, query: str, no_accidents: Callable[[], None]) -> None:
    for method in ("get", "post"):
        assert read(getattr(tool.client, method)(f"/api.php?{query}"), "xml")["status"] == 0
        response = getattr(tool.client, method)(f"/exchange.php?{query}")
        assert response.status_code == 200
        fromstring(response.content)
    no_accidents()


@pytest.mark.parametrize(
    "header", ["", " ", "token=", "token", "=", "type=api", "token=é", "a " * 4000, "token=" + "&x" * 9000]
)
def test_odd_headers(client: Client, guild: None, header: str, no_accidents: Callable[[], None]) -> None:
    for name in ("X-Custom-Authorization", "Authorization"):
        response = client.get("/api.php?function=data&format=json", headers={name: header})
        assert read(response, "json")["eqdkp"]["version"] == "2.3"
    no_accidents()


def test_an_accident_is_logged_and_said_without_a_word_of_it(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def fails(*args: Any, **options: Any) -> Any:
        raise RuntimeError("the secret")

    settings.DEBUG = True
    monkeypatch.setattr("guildhall.eqdkp.compat.raids.raids", fails)
    for form in FORMS:
        answer = read(tool.client.get(f"/api.php?format={form}&function=raids&atoken={tool.key}"), form)
        assert answer["status"] == 0
        assert "secret" not in answer["error"]


texts = st.text(max_size=40)
answers = st.recursive(
    texts | st.integers() | st.booleans() | st.none(),
    lambda inner: (
        st.dictionaries(st.sampled_from(["a", "b", "player:7", "raid:300", "5"]), inner, max_size=4)
        | st.lists(inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(answer=st.dictionaries(st.sampled_from(["a", "raid:1", "players"]), answers, max_size=3))
def test_whatever_is_answered_can_be_read(answer: dict[str, Any]) -> None:
    for form in FORMS:
        body, _ = render({**answer, "status": 1}, form)
        if form == "json":
            assert json.loads(body)["status"] == 1
        elif form == "lua":
            text = body.decode()
            assert text.endswith('["status"] = "1"}')
            assert "\n" not in text
        else:
            assert fromstring(body).findtext("status") == "1"


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_text_comes_in_as_it_was_sent(text: str) -> None:
    assert parse_body(json.dumps({"raid_note": text}).encode()) == {"raid_note": text}
    assert parse_body(xml({"raid_note": text, "x": 1}).encode())["raid_note"] == text.strip()
