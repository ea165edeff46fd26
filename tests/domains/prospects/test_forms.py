"""Strangers become leads by a form: what is asked for, agreed to, refused and confirmed."""

import asyncio
import re
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from support.clients import pointers, problem
from support.leads import owner_of, pool_of, rule_of, users_of
from support.letters import letters_to

COUNTS = """
    SELECT status, count(*) AS number FROM lead_submissions WHERE organization_id = $1
    GROUP BY status
"""
LATE = "UPDATE lead_submissions SET confirm_until = now() - interval '1 second' WHERE id = $1"


def address():
    return f"{uuid4().hex}@example.com"


async def form_of(client, **more):
    """A form, and where its JSON is."""
    made = await client.made("lead-forms", {"name": "Contact us", "title": "Ask us", **more})
    return made, made["path"].removesuffix("/page")


def person(**more):
    return {"last_name": "Person", "email": address(), **more}


async def sent(api, path, status: int = 201, consents=(), **more: Any):
    extra = {n: more.pop(n) for n in ("utm", "campaign", "fax", "stamp", "medium") if n in more}
    answers = {**person(), **more}
    body = {"answers": answers, "consents": list(consents), **extra}
    answer = await api.post(f"{path}/submit", json=body)
    assert answer.status_code == status, answer.text
    return answer


def link_in(letter):
    """Where what was sent is confirmed."""
    found = re.search(r"(/public/lead-confirmations/\S+)/page", letter.get_content())
    assert found is not None
    return found[1]


async def submissions(client, form):
    return (await client.read(f"lead-forms/{form['id']}/submissions"))["data"]


async def test_what_is_sent_becomes_a_lead(client, anonymous):
    fields = [
        {"key": "email", "is_required": True},
        {"key": "company_name", "labels": {"en": "Your company", "de": "Ihre Firma"}},
        {"key": "employees"},
        {"key": "industry", "options": ["bank", "shop"]},
    ]
    form, path = await form_of(client, fields=fields, campaign="Spring", thank_you="Soon!")
    found = (await anonymous.get(path)).json()
    assert [field["key"] for field in found["fields"]] == [field["key"] for field in fields]
    mail = address()
    body = {
        "answers": {"email": mail.upper(), "employees": "12", "industry": "bank"},
        "utm": {"source": "newsletter"},
        "medium": "email",
    }
    answer = await anonymous.post(f"{path}/submit", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"next": "done", "thank_you": "Soon!", "redirect_url": None}
    (one,) = await submissions(client, form)
    assert (one["status"], one["spam_score"], one["is_new_lead"]) == ("accepted", 0, True)
    lead = await client.read(f"leads/{one['lead_id']}")
    assert lead["email"].casefold() == mail
    shown = [lead[n] for n in ("employees", "industry", "campaign", "medium", "source")]
    assert shown == [12, "bank", "Spring", "email", "web_form"]
    assert lead["utm"] == {"source": "newsletter"}
    assert await client.read(f"lead-submissions/{one['id']}") == one


async def test_a_lead_of_a_form_is_given_by_the_rules(client, anonymous, worker):
    (one,) = await users_of(client, 1)
    await rule_of(client, await pool_of(client, {one: 1}))
    form, path = await form_of(client)
    await sent(anonymous, path)
    await client.idle()
    (kept,) = await submissions(client, form)
    assert await owner_of(client, {"id": kept["lead_id"]}) == one


async def test_a_list_is_filled_from_a_form(client, anonymous):
    form, path = await form_of(client)
    await sent(anonymous, path)
    problem(await anonymous.post(f"{path}/submit", json={"answers": {}}), 422)
    (kept,) = await submissions(client, form)
    await client.made("leads", {"last_name": "Elsewhere"})
    one = await client.made("prospect-lists", {"name": "Form"})
    url = f"/v1/prospect-lists/{one['id']}/members"
    told = (await client.post(url, json={"form_id": form["id"]})).json()
    assert (told["changed"], told["more"]) == (1, False)
    (member,) = (await client.read(f"prospect-lists/{one['id']}/members"))["data"]
    assert member["lead_id"] == kept["lead_id"]
    assert (await client.post(url, json={"form_id": form["id"]})).json()["changed"] == 0


async def test_language_and_skills_that_a_form_asks_for_lead_to_who_has_them(
    client, anonymous, worker
):
    plain, german, exporter = await users_of(client, 3)
    members = [
        {"user_id": plain, "languages": ["en"]},
        {"user_id": german, "languages": ["de"]},
        {"user_id": exporter, "languages": ["de"], "skills": ["export", "customs"]},
    ]
    pool = await client.made("lead-pools", {"name": "Inside sales", "members": members})
    await rule_of(client, pool)
    keys = ("email", "language", "skills")
    fields = [{"key": "last_name", "is_required": True}, *({"key": key} for key in keys)]
    form, path = await form_of(client, fields=fields, language="en")
    await sent(anonymous, path, language="German", skills="export, customs")
    await sent(anonymous, path, language="de-AT", skills="")
    await sent(anonymous, path)
    await client.idle()
    leads = [
        await client.read(f"leads/{one['lead_id']}") for one in await submissions(client, form)
    ]
    shown = {(lead["language"], *lead["skills"]): lead["owner_id"] for lead in leads}
    # Whoever is not asked, or says nothing, has the language of the form.
    assert shown[("en",)] == plain
    assert shown[("de", "export", "customs")] == exporter
    assert shown[("de-AT",)] in {german, exporter}
    answers = {**person(), "language": "Klingonish"}
    answer = await anonymous.post(f"{path}/submit", json={"answers": answers})
    assert pointers(problem(answer, 422)) == ["/answers/language"]


async def test_what_is_missing_or_wrong_is_said_and_not_kept(client, anonymous):
    fields = [
        {"key": "email", "is_required": True},
        {"key": "employees"},
        {"key": "industry", "options": ["bank", "shop"]},
    ]
    form, path = await form_of(client, fields=fields)
    for answers, wrong in (
        ({}, ["/answers/email"]),
        ({"email": "  "}, ["/answers/email"]),
        ({"email": "nowhere"}, ["/answers/email"]),
        ({"email": address(), "employees": "many"}, ["/answers/employees"]),
        ({"email": address(), "industry": "farm"}, ["/answers/industry"]),
        ({"email": address(), "phone": "+49301234567"}, ["/answers/phone"]),
    ):
        answer = await anonymous.post(f"{path}/submit", json={"answers": answers})
        assert pointers(problem(answer, 422)) == wrong, answers
    problem(await anonymous.post(f"{path}/submit", json={"answers": {"shoe": "1"}}), 422)
    problem(await anonymous.post(f"{path}/submit", content=b"no"), 415)
    assert await submissions(client, form) == []
    assert (await client.read("leads"))["data"] == []


async def test_custom_fields_are_asked_for(client, anonymous):
    field = {"target": "lead", "name": "colour", "label": "Colour", "type": "text"}
    await client.made("custom-fields", field)
    fields = [{"key": "last_name", "is_required": True}, {"key": "custom.colour"}]
    form, path = await form_of(client, fields=fields)
    answers = {"last_name": "Person", "custom.colour": "blue"}
    assert (await anonymous.post(f"{path}/submit", json={"answers": answers})).status_code == 201
    (one,) = await submissions(client, form)
    assert (await client.read(f"leads/{one['lead_id']}"))["custom"] == {"colour": "blue"}
    wrong = {"fields": [*fields, {"key": "custom.shoe"}]}
    answer = await client.patch(f"/v1/lead-forms/{form['id']}", json=wrong)
    assert pointers(problem(answer, 422)) == ["/fields/2/key"]


async def test_a_form_asks_for_what_a_lead_needs(client):
    body = {"name": "Contact us", "title": "Ask us"}
    nameless = {**body, "fields": [{"key": "region", "is_required": True}]}
    answer = await client.post("/v1/lead-forms", json=nameless)
    assert pointers(problem(answer, 422)) == ["/fields"]
    by_name = [{"key": "last_name", "is_required": True}, {"key": "email"}]
    mailless = {**body, "double_opt_in": True, "fields": by_name}
    answer = await client.post("/v1/lead-forms", json=mailless)
    assert pointers(problem(answer, 422)) == ["/fields"]
    made = await client.made("lead-forms", {**body, "fields": by_name})
    answer = await client.patch(f"/v1/lead-forms/{made['id']}", json={"double_opt_in": True})
    problem(answer, 422)
    twice = {**body, "fields": [by_name[0], by_name[0]]}
    problem(await client.post("/v1/lead-forms", json=twice), 422)
    nothing = {**body, "consents": [{"text_id": str(uuid4())}]}
    answer = await client.post("/v1/lead-forms", json=nothing)
    assert pointers(problem(answer, 422)) == ["/consents/0/text_id"]


async def test_answers_are_read_as_what_they_are_for(client, anonymous):
    kinds = {"seats": "integer", "wants": "bool", "rate": "decimal", "price": "money"}
    for name, kind in kinds.items():
        more = {"currency": "EUR"} if kind == "money" else {}
        body = {"target": "lead", "name": name, "label": name, "type": kind, **more}
        await client.made("custom-fields", body)
    options = [{"value": value, "label": value.title()} for value in ("red", "blue")]
    body = {"target": "lead", "name": "colours", "label": "Colours", "type": "multiselect"}
    await client.made("custom-fields", {**body, "options": options})
    keys = ["last_name", "industry", "employees", *(f"custom.{n}" for n in (*kinds, "colours"))]
    fields = [{"key": key, "is_required": key == "last_name"} for key in keys]
    form, path = await form_of(client, fields=fields)
    answers = {
        "last_name": "Person",
        "industry": "Banking & Finance",
        "employees": "1,200",
        "custom.seats": "12",
        "custom.wants": "yes",
        "custom.rate": "1.5",
        "custom.price": "20",
        "custom.colours": "red, Blue",
    }
    answer = await anonymous.post(f"{path}/submit", json={"answers": answers})
    assert answer.status_code == 201, answer.text
    (one,) = await submissions(client, form)
    lead = await client.read(f"leads/{one['lead_id']}")
    assert (lead["industry"], lead["employees"]) == ("banking_finance", 1200)
    assert (lead["custom"]["seats"], lead["custom"]["wants"]) == (12, True)
    assert lead["custom"]["colours"] == ["red", "blue"]
    assert lead["custom"]["price"] == {"amount": "20.00", "currency": "EUR"}
    wrong = {"custom.seats": "1.5", "custom.wants": "perhaps", "employees": "many"}
    body = {"answers": {"last_name": "Person", **wrong}}
    told = problem(await anonymous.post(f"{path}/submit", json=body), 422)
    assert sorted(pointers(told)) == [f"/answers/{key}" for key in sorted(wrong)]
    body = {"answers": {"last_name": "Person", "custom.colours": "green"}}
    told = problem(await anonymous.post(f"{path}/submit", json=body), 422)
    assert pointers(told) == ["/answers/custom.colours"]


async def test_options_are_what_leads_can_have(client):
    fields = [
        {"key": "last_name", "is_required": True},
        {"key": "employees", "options": ["10", "10-50"]},
        {"key": "country", "options": ["Germany", "Atlantis"]},
        {"key": "industry", "options": ["Banking & Finance"]},
    ]
    body = {"name": "Contact us", "title": "Ask us", "fields": fields}
    told = problem(await client.post("/v1/lead-forms", json=body), 422)
    assert pointers(told) == ["/fields/1/options/1", "/fields/2/options/1"]
    fields[1]["options"], fields[2]["options"] = ["10"], ["Germany"]
    made = await client.made("lead-forms", {**body, "fields": fields})
    changed = [fields[0], {"key": "website", "options": ["example.com", "no address"]}]
    answer = await client.patch(f"/v1/lead-forms/{made['id']}", json={"fields": changed})
    assert pointers(problem(answer, 422)) == ["/fields/1/options/1"]


async def test_what_the_address_of_a_page_says_keeps_nobody_from_sending(client, anonymous):
    form, path = await form_of(client)
    address_of_page = f"{path}/page?medium=Paid social!&utm_{'x' * 80}=1&utm_source=fair"
    page = await anonymous.get(address_of_page)
    assert 'name="medium" value="Paid social!"' in page.text
    for medium, code in (("Paid social!", "paid_social"), ("Cost-per-click", "Cost-per-click")):
        body = {**person(), "medium": medium, f"utm_{'x' * 80}": "1", "utm_source": "fair"}
        answer = await anonymous.post(f"{path}/page", data=body)
        assert answer.status_code == 303, answer.text
        newest = (await submissions(client, form))[0]
        assert (newest["status"], newest["medium"]) == ("accepted", code)
        assert newest["utm"] == {"source": "fair"}


async def test_spam_is_kept_with_reasons_and_answered_alike(client, anonymous):
    form, path = await form_of(
        client,
        fields=[
            {"key": "last_name", "is_required": True},
            {"key": "first_name"},
            {"key": "email", "is_required": True},
            {"key": "description"},
        ],
    )
    stamp = (await anonymous.get(path)).json()["stamp"]
    taken = await sent(anonymous, path)
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"fax": "1"}, "honeypot"),
        ({"first_name": "http://example.com"}, "link_in_name"),
        ({"description": "<a href=x>buy</a>"}, "markup"),
        ({"description": "http://a.example http://b.example"}, "many_links"),
        ({"stamp": stamp, "first_name": "Person"}, "too_fast"),
        ({"stamp": f"1{stamp}", "first_name": "person"}, "false_stamp"),
    )
    newest: dict[str, Any] = {}
    for more, reason in cases:
        answer = await sent(anonymous, path, **more)
        assert answer.json() == taken.json()
        newest = (await submissions(client, form))[0]
        assert newest["status"] == "refused"
        assert reason in newest["reasons"], more
        assert newest["lead_id"] is None
    assert len((await client.read("leads"))["data"]) == 1
    # What is not spam after all.
    admitted = await client.post(f"/v1/lead-submissions/{newest['id']}/admit")
    assert admitted.status_code == 200, admitted.text
    assert (admitted.json()["status"], admitted.json()["is_new_lead"]) == ("accepted", True)
    again = await client.post(f"/v1/lead-submissions/{newest['id']}/admit")
    problem(again, 409, "not_refused")
    # How strict it is, is said by the form.
    await client.changed(f"lead-forms/{form['id']}", {"spam_threshold": 100})
    await sent(anonymous, path, description="<b>Hello</b>")
    newest = (await submissions(client, form))[0]
    assert (newest["status"], newest["spam_score"], newest["reasons"]) == (
        *("accepted", 50),
        ["markup"],
    )


async def test_who_has_an_open_lead_goes_on_with_it(client, anonymous):
    form, path = await form_of(client)
    mail = address()
    lead = await client.made("leads", {"last_name": "Known", "email": mail})
    await sent(anonymous, path, email=mail.upper())
    (one,) = await submissions(client, form)
    assert (one["lead_id"], one["is_new_lead"]) == (lead["id"], False)
    # Anybody can type an address in.
    assert (await client.read(f"leads/{lead['id']}"))["last_name"] == "Known"
    body = {"reason": "Too small"}
    await client.post(f"/v1/leads/{lead['id']}/disqualify", json=body)
    await sent(anonymous, path, email=mail)
    newest = (await submissions(client, form))[0]
    assert (newest["is_new_lead"], newest["lead_id"] != lead["id"]) == (True, True)


async def test_of_many_who_send_one_address_at_once_there_is_one_lead(client, anonymous):
    form, path = await form_of(client)
    mail = address()
    await asyncio.gather(*(sent(anonymous, path, email=mail) for _ in range(10)))
    found = await submissions(client, form)
    assert len(found) == 10
    assert {one["status"] for one in found} == {"accepted"}
    assert sum(one["is_new_lead"] for one in found) == 1
    assert len({one["lead_id"] for one in found}) == 1
    assert len((await client.read("leads"))["data"]) == 1


async def text_of(client, body="Yes, write to me."):
    words = {"name": "Newsletter", "purpose": "newsletter", "body": body}
    return await client.made("consent-texts", words)


async def test_what_is_agreed_to_is_written_down_with_its_words(client, anonymous):
    old, new = [await text_of(client, body) for body in ("Yes.", "Yes, monthly.")]
    asked = [{"text_id": old["id"], "channels": ["email", "phone"], "is_required": True}]
    form, path = await form_of(client, consents=asked)
    shown = (await anonymous.get(path)).json()["consents"]
    assert shown == [{"text_id": old["id"], "text": "Yes.", "is_required": True}]
    answer = await sent(anonymous, path, 422)
    assert problem(answer, 422)["errors"][0]["code"] == "consent_required"
    await sent(anonymous, path, consents=[old["id"]])
    await client.changed(f"lead-forms/{form['id']}", {"consents": [{"text_id": new["id"]}]})
    # Whoever was shown other words has not agreed to these.
    problem(await sent(anonymous, path, 422, consents=[old["id"]]), 422)
    await sent(anonymous, path, consents=[new["id"]])
    second, first = await submissions(client, form)
    for one, text, channels in ((first, old, ["email", "phone"]), (second, new, ["email"])):
        found = await client.read("consents/effective", target="lead", record_id=one["lead_id"])
        assert sorted(c["channel"] for c in found["data"]) == channels
        assert {c["text_id"] for c in found["data"]} == {text["id"]}
        assert {c["basis"] for c in found["data"]} == {"consent"}
        assert found["data"][0]["evidence"]["source"] == "lead form: Contact us"
        (given,) = one["consents"]
        assert (given["text_id"], given["purpose"]) == (text["id"], "newsletter")


async def test_what_is_to_be_confirmed_counts_only_then(client, anonymous, worker, settings):
    text = await text_of(client)
    asked = [{"text_id": text["id"]}]
    form, path = await form_of(client, double_opt_in=True, consents=asked)
    mail = address()
    answer = await sent(anonymous, path, email=mail, consents=[text["id"]])
    assert answer.json()["next"] == "confirm"
    (letter,) = await letters_to(settings.mail_outbox, mail, 1)
    (pending,) = await submissions(client, form)
    assert (pending["status"], pending["lead_id"]) == ("pending", None)
    assert (await client.read("leads"))["data"] == []
    link = link_in(letter)
    assert letter["subject"] == "Please confirm: Ask us"
    for _ in range(2):
        assert (await anonymous.get(f"{link}/page")).status_code == 200
    assert (await anonymous.get(link)).json()["is_confirmed"] is False
    answers = await asyncio.gather(*(anonymous.post(f"{link}/confirm") for _ in range(6)))
    assert [a.status_code for a in answers] == [200] * 6
    (one,) = await submissions(client, form)
    assert (one["status"], one["confirmed_at"] is not None) == ("accepted", True)
    assert len((await client.read("leads"))["data"]) == 1
    found = await client.read("consents/effective", target="lead", record_id=one["lead_id"])
    assert [c["purpose"] for c in found["data"]] == ["newsletter"]


async def test_what_is_admitted_is_to_be_confirmed_as_well(client, anonymous, worker, settings):
    text = await text_of(client)
    form, path = await form_of(client, double_opt_in=True, consents=[{"text_id": text["id"]}])
    mail = address()
    await sent(anonymous, path, email=mail, consents=[text["id"]], fax="1")
    (refused,) = await submissions(client, form)
    admit = f"/v1/lead-submissions/{refused['id']}/admit"
    await client.delete(f"/v1/lead-forms/{form['id']}")
    problem(await client.post(admit), 409, "cannot_be_admitted")
    await client.post(f"/v1/lead-forms/{form['id']}/restore")
    admitted = await client.post(admit)
    assert admitted.status_code == 200, admitted.text
    assert (admitted.json()["status"], admitted.json()["lead_id"]) == ("pending", None)
    assert (await client.read("leads"))["data"] == []
    problem(await client.post(admit), 409, "not_refused")
    (letter,) = await letters_to(settings.mail_outbox, mail, 1)
    answer = await anonymous.post(f"{link_in(letter)}/confirm")
    assert answer.json()["is_confirmed"] is True
    (one,) = await submissions(client, form)
    assert (one["status"], one["confirmed_at"] is not None) == ("accepted", True)
    found = await client.read("consents/effective", target="lead", record_id=one["lead_id"])
    assert [c["purpose"] for c in found["data"]] == ["newsletter"]


@pytest.mark.parametrize("purpose", [None, "newsletter", "ads"])
async def test_an_address_that_wants_no_mail_is_not_asked_to_confirm(
    client, anonymous, owner, worker, purpose
):
    text = await text_of(client)
    _, path = await form_of(client, double_opt_in=True, consents=[{"text_id": text["id"]}])
    mail = address()
    await client.made("suppressions", {"value": mail, "purpose": purpose})
    answer = await sent(anonymous, path, email=mail.upper(), consents=[text["id"]])
    assert answer.json()["next"] == "confirm"
    sql = "SELECT id FROM jobs WHERE kind = 'lead_forms.confirm' ORDER BY id DESC LIMIT 1"
    done = await client.ended(str(await owner.fetchval(sql)))
    assert done["result"]["sent"] is (purpose == "ads")


async def test_what_is_not_confirmed_in_time_is_over(client, anonymous, owner, worker, settings):
    form, path = await form_of(client, double_opt_in=True)
    mail = address()
    await sent(anonymous, path, email=mail)
    (letter,) = await letters_to(settings.mail_outbox, mail, 1)
    link = link_in(letter)
    (one,) = await submissions(client, form)
    await owner.execute(LATE, one["id"])
    problem(await anonymous.post(f"{link}/confirm"), 410, "link_ended")
    problem(await anonymous.get(f"{link}x"), 404, "unknown_link")
    assert (await client.read("leads"))["data"] == []


async def test_letters_to_one_address_are_few(client, anonymous):
    _, path = await form_of(client, double_opt_in=True)
    mail = address()
    codes = []
    for _ in range(7):
        body = {"answers": person(email=mail)}
        codes.append((await anonymous.post(f"{path}/submit", json=body)).status_code)
    assert codes[-1] == 429
    assert 201 in codes


async def test_many_of_one_network_wait(client, anonymous, owner, org):
    _, path = await form_of(client)
    calls = [partial(anonymous.post, f"{path}/submit", json={"answers": person()})] * 25
    codes = [(await call()).status_code for call in calls]
    assert codes[0] == 201
    assert codes[-1] == 429
    rows = await owner.fetch(COUNTS, org.id)
    assert sum(row["number"] for row in rows) == codes.count(201)


async def test_closed_forms_take_nothing(client, anonymous):
    form, path = await form_of(client)
    await client.changed(f"lead-forms/{form['id']}", {"status": "closed"})
    problem(await anonymous.get(path), 410, "link_ended")
    problem(await sent(anonymous, path, 410), 410)
    assert (await anonymous.get(f"{path}/page")).status_code == 410
    await client.changed(f"lead-forms/{form['id']}", {"status": "active"})
    await sent(anonymous, path)
    assert (await client.delete(f"/v1/lead-forms/{form['id']}")).status_code == 204
    problem(await anonymous.get(path), 410)


async def test_a_repeated_request_is_one(client, anonymous):
    form, path = await form_of(client)
    headers = {"Idempotency-Key": uuid4().hex}
    body = {"answers": person()}
    answers = [await anonymous.post(f"{path}/submit", json=body, headers=headers) for _ in range(2)]
    assert [a.status_code for a in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(await submissions(client, form)) == 1


async def test_who_is_purged_takes_along_what_was_sent(client, anonymous):
    form, path = await form_of(client)
    mail = address()
    await sent(anonymous, path, email=mail)
    await sent(anonymous, path, email=mail, fax="1")
    (spam, taken) = await submissions(client, form)
    answer = await client.delete(f"/v1/leads/{taken['lead_id']}", params={"purge": "true"})
    assert answer.status_code == 204, answer.text
    assert [one["id"] for one in await submissions(client, form)] == [spam["id"]]


async def test_who_is_erased_takes_along_all_of_their_address(client, anonymous, worker, owner):
    form, path = await form_of(client)
    mail = address()
    await sent(anonymous, path, email=mail)
    await sent(anonymous, path, email=mail, fax="1")
    await sent(anonymous, path)
    other, _, taken = await submissions(client, form)
    body = {"kind": "erasure", "target": "lead", "record_id": taken["lead_id"]}
    request = await client.made("subject-requests", body)
    proof = {"verification": "Saw a passport"}
    await client.post(f"/v1/subject-requests/{request['id']}/verify", json=proof)
    started = await client.post(f"/v1/subject-requests/{request['id']}/start")
    assert started.status_code == 202, started.text
    await client.ended(started.json()["job_id"])
    assert [one["id"] for one in await submissions(client, form)] == [other["id"]]
    told = "SELECT FROM events WHERE data::text LIKE $1"
    rows = await owner.fetch(told, f"%{mail}%")
    assert rows == []
    # Who wants to be known no more is not captured again, and strangers are not told of it.
    again = await sent(anonymous, path, email=mail)
    assert again.json()["next"] == "done"
    newest = (await submissions(client, form))[0]
    assert (newest["status"], newest["reasons"]) == ("refused", ["person_erased"])
    answer = await client.post(f"/v1/lead-submissions/{newest['id']}/admit")
    problem(answer, 409, "cannot_be_admitted")


async def test_forms_are_the_same_over_graphql(client, anonymous):
    made = await client.data(
        'mutation { createLeadForm(input: {name: "Contact us", title: "Ask us", '
        'fields: [{key: "email", isRequired: true}]}) '
        "{ id path embed fields { key isRequired } } }"
    )
    form = made["createLeadForm"]
    assert form["fields"] == [{"key": "email", "isRequired": True}]
    assert form["path"] in form["embed"]
    path = form["path"].removesuffix("/page")
    body = {"answers": {"email": address()}, "fax": "1"}
    assert (await anonymous.post(f"{path}/submit", json=body)).status_code == 201
    (one,) = await submissions(client, form)
    document = "mutation($i: UUID!) { admitLeadSubmission(id: $i) { status lead { email } } }"
    done = (await client.data(document, i=one["id"]))["admitLeadSubmission"]
    assert (done["status"], done["lead"]["email"]) == ("accepted", body["answers"]["email"])
    found = await client.data(
        "query($i: UUID!) { leadSubmission(id: $i) { reasons form { title } } }", i=one["id"]
    )
    assert found["leadSubmission"] == {"reasons": ["honeypot"], "form": {"title": "Ask us"}}


@pytest.mark.parametrize("tag", ["en", "de", "ru"])
async def test_the_page_needs_no_scripts(client, anonymous, tag):
    text = await text_of(client)
    asked = [{"text_id": text["id"], "is_required": True}]
    form, path = await form_of(client, consents=asked, redirect_url="https://example.com/thanks")
    headers = {"accept-language": tag}
    words = {"en": "Last name", "de": "Nachname", "ru": "Фамилия"}
    page = await anonymous.get(f"{path}/page?utm_source=fair&campaign=May", headers=headers)
    assert (page.status_code, words[tag] in page.text, "script" in page.text) == (200, True, False)
    assert 'name="utm_source" value="fair"' in page.text
    wrong = {"last_name": "<b>Person</b>", "email": "nowhere", "consent": text["id"]}
    again = await anonymous.post(f"{path}/page", data=wrong, headers=headers)
    assert again.status_code == 422
    assert "&lt;b&gt;Person" in again.text
    assert 'aria-invalid="true"' in again.text
    form_sent = {**person(), "consent": text["id"], "utm_source": "fair", "campaign": "May"}
    done = await anonymous.post(f"{path}/page", data=form_sent, headers=headers)
    assert (done.status_code, done.headers["location"]) == (303, "page?sent=done")
    thanks = await anonymous.get(f"{path}/page?sent=done", headers=headers)
    assert "url=https://example.com/thanks" in thanks.text
    (one,) = await submissions(client, form)
    lead = await client.read(f"leads/{one['lead_id']}")
    assert (lead["utm"], lead["campaign"]) == ({"source": "fair"}, "May")
    missing = await anonymous.post(f"{path}/page", data=person(), headers=headers)
    assert missing.status_code == 422
