"""What mailings say is checked when it is written, and what was started stays as it is."""

import pytest

from support.clients import pointers, problem
from support.mailings import CONTENT, did, mailing, reader

UNSAFE = {
    "a class": "{{ ''.__class__ }}",
    "a class by brackets": "{{ contact['__class__'] }}",
    "subclasses": "{{ contact.first_name.__class__.__mro__[1].__subclasses__() }}",
    "a call": "{{ contact.first_name.upper() }}",
    "a filter that reaches attributes": "{{ contact|attr('__init__') }}",
    "an unescaping filter": "{{ contact.first_name|safe }}",
    "a long loop": "{% for a in range(100000000) %}x{% endfor %}",
    "arithmetic": "{{ 'a' * 100000000 }}",
    "another file": "{% include '/etc/passwd' %}",
    "an import": "{% import 'os' as os %}",
    "something that is set": "{% set a = contact %}",
    "the environment": "{{ self._TemplateReference__context }}",
    "loops in loops": "{% for a in contact.tags %}" * 2 + "{% endfor %}" * 2,
    "a loop over what it says itself": "{% for a in [1, 2, 3] %}x{% endfor %}",
    "the product's own filter": "{{ contact.tags|_listed }}",
    "half a character": r"{{ '\ud800' }}",
}
WRONG = {
    "no such field": ("{{ contact.nonsense }}", "unknown_field"),
    "no such custom field": ("{{ contact.custom.nonsense }}", "unknown_field"),
    "no such record": ("{{ deal.name }}", "unknown_reference"),
    "no such part": ("{{ contact.emails[0].nonsense }}", "unknown_field"),
    "no such part in a loop": (
        "{% for one in contact.emails %}{{ one.nonsense }}{% endfor %}",
        "unknown_field",
    ),
    "a part of one of many texts": ("{{ contact.tags[0].name }}", "unknown_field"),
    "more than is filled in": (
        "{% for a in contact.tags %}" + "{{a}}" * 2_000 + "{% endfor %}",
        "unsafe_template",
    ),
    "nested too deeply": (
        "{% if contact.id %}" * 150 + "x" + "{% endif %}" * 150,
        "invalid_template",
    ),
    "a part of a text": ("{{ contact.first_name.upper }}", "unknown_field"),
    "nothing of the organization": ("{{ organization.secret }}", "unknown_field"),
    "never closed": ("{{ contact.first_name", "invalid_template"),
    "never ended": ("{% if contact.first_name %}", "invalid_template"),
}


@pytest.mark.parametrize("source", UNSAFE.values(), ids=UNSAFE)
async def test_templates_that_reach_python_are_refused(client, source):
    for name in ("subject", "text", "html"):
        body = {"name": "News", "purpose": "news", "contents": [{**CONTENT, name: source}]}
        found = problem(await client.post("/v1/mailings", json=body), 422)
        assert pointers(found) == [f"/contents/0/{name}"]
        assert found["errors"][0]["code"] in {"unsafe_template", "unknown_reference"}


@pytest.mark.parametrize(("source", "code"), WRONG.values(), ids=WRONG)
async def test_fields_that_are_not_are_refused_where_they_stand(client, source, code):
    body = {"name": "News", "purpose": "news", "contents": [CONTENT, {**CONTENT, "text": source}]}
    body["contents"][1]["language"] = "de"
    found = problem(await client.post("/v1/mailings", json=body), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/contents/1/text", code)]


async def test_texts_are_no_lists_and_records_no_texts(client):
    person = await reader(client, description="abc", tags=["one", "two"])
    source = (
        "{% for c in contact.description %}{{ c }},{% endfor %}"
        "{{ contact.description|join('-') }} {{ contact.tags|join(', ') }} {{ contact.tags[1] }} "
        "{{ contact.emails[0].value }} [{{ contact }}]"
    )
    made = await mailing(client, {**CONTENT, "text": source})
    said = await did(client, made, "render", contact_id=person["id"])
    assert said["text"].startswith(f"abc one, two two {person['address']} []\n")


async def test_one_content_is_for_each_variant_and_language(client):
    body = {"name": "News", "purpose": "news", "contents": [CONTENT, CONTENT]}
    assert pointers(problem(await client.post("/v1/mailings", json=body), 422)) == ["/contents/1"]


async def test_it_is_rendered_as_a_contact_gets_it(client):
    await client.made(
        "custom-fields", {"target": "contact", "name": "tier", "label": "Tier", "type": "text"}
    )
    company = await client.made("companies", {"name": "Example & Sons"})
    person = await reader(
        client, last_name="<b>Person</b>", company_id=company["id"], custom={"tier": "gold"}
    )
    german = {
        "language": "de",
        "subject": "Neues von {{ organization.name }}",
        "text": "{% for one in contact.emails %}{{ one.value }}{% endfor %} {{ contact.custom.tier }}",
        "html": "<body>{{ contact.last_name }} {{ company.name }}</body>",
    }
    made = await mailing(client, CONTENT, german)
    plain = await did(client, made, "render", contact_id=person["id"])
    assert plain["subject"] == "News for Sample"
    assert "Dear <b>Person</b> of Example & Sons" in plain["text"]
    assert "Unsubscribe: https://" in plain["text"]
    assert "Dear &lt;b&gt;Person&lt;/b&gt;," in plain["html"]
    said = await did(client, made, "render", contact_id=person["id"], language="de-AT")
    assert said["language"] == "de"
    assert said["text"].startswith(f"{person['address']} gold")
    assert "&lt;b&gt;Person&lt;/b&gt; Example &amp; Sons" in said["html"]
    assert "Abmelden</a></p></body>" in said["html"]


async def test_what_comes_to_nothing_says_so(client):
    person = await reader(client, first_name=None)
    made = await mailing(client, {**CONTENT, "subject": "{{ contact.first_name }}"})
    body = {"contact_id": person["id"]}
    answer = await client.post(f"/v1/mailings/{made['id']}/render", json=body)
    assert pointers(problem(answer, 422)) == ["/contents/0/subject"]
    body = {"contact_id": made["id"]}
    answer = await client.post(f"/v1/mailings/{made['id']}/render", json=body)
    assert pointers(problem(answer, 422)) == ["/contact_id"]


async def test_what_was_started_stays_as_it_is(client):
    made = await mailing(client)
    await did(client, made, "start")
    path = f"/v1/mailings/{made['id']}"
    found = problem(await client.patch(path, json={"contents": []}), 409, "mailing_started")
    assert found["fields"] == ["contents"]
    assert (await client.patch(path, json={"name": "Other news"})).status_code == 200
    problem(await client.post(f"{path}/start"), 409, "illegal_transition")


async def test_it_is_not_started_without_a_way_or_words(client):
    made = await client.made("mailings", {"name": "News", "purpose": "news"})
    answer = await client.post(f"/v1/mailings/{made['id']}/start")
    assert pointers(problem(answer, 409, "blocked_transition")) == ["/channel_id", "/contents"]


async def test_only_mail_is_a_way(client):
    sms = await client.made("channels", {"name": "Short", "kind": "sms"})
    made = await mailing(client, channel_id=sms["id"])
    answer = await client.post(f"/v1/mailings/{made['id']}/start")
    found = problem(answer, 409, "blocked_transition")
    assert [(one["pointer"], one["code"]) for one in found["errors"]] == [
        ("/channel_id", "no_mail")
    ]


async def test_tests_go_to_users_alone(client):
    person = await reader(client)
    made = await mailing(client)
    body = {"contact_id": person["id"], "to": person["address"]}
    answer = await client.post(f"/v1/mailings/{made['id']}/test-send", json=body)
    assert pointers(problem(answer, 422)) == ["/to"]


async def test_whom_nobody_knows_gets_nothing(client):
    made = await mailing(client)
    await did(client, made, "start")
    body = {"contact_ids": [made["id"]]}
    answer = await client.post(f"/v1/mailings/{made['id']}/send", json=body)
    assert pointers(problem(answer, 422)) == ["/contact_ids/0"]
    answer = await client.post(f"/v1/mailings/{made['id']}/send", json={"step": "a"})
    assert pointers(problem(answer, 422)) == ["/contact_ids"]


async def test_what_fails_for_whom_nothing_is_known_is_not_started(client):
    fine = {**CONTENT, "subject": "{{ contact.first_name }}"}
    wrong = {**CONTENT, "language": "de", "text": "{% if contact.language > 5 %}a{% endif %}"}
    made = await mailing(client, fine, wrong)
    answer = await client.post(f"/v1/mailings/{made['id']}/start")
    found = problem(answer, 409, "blocked_transition")
    assert [(one["pointer"], one["code"]) for one in found["errors"]] == [
        ("/contents/1/text", "template")
    ]
    assert found["errors"][0]["message"].startswith("For language de: It cannot be filled in")
    await client.patch(f"/v1/mailings/{made['id']}", json={"contents": [fine]})
    assert (await did(client, made, "start"))["status"] == "running"


async def test_limits_of_domains_are_of_each_once(client):
    path = "/v1/mailings/settings"
    limits = [
        {"domain": "Example.COM", "per_minute": 5},
        {"domain": "example.com", "per_minute": 6},
    ]
    answer = await client.put(path, json={"domain_limits": limits})
    assert pointers(problem(answer, 422)) == ["/domain_limits"]
    for limit, pointer in (
        ({"domain": "no domain", "per_minute": 5}, "/domain_limits/0/domain"),
        ({"domain": "example.com", "per_minute": 0}, "/domain_limits/0/per_minute"),
    ):
        answer = await client.put(path, json={"domain_limits": [limit]})
        assert pointers(problem(answer, 422)) == [pointer]
    answer = await client.put(path, json={"domain_limits": limits[:1]})
    assert answer.status_code == 200, answer.text
    query = "{ mailingSettings { domainLimits { domain perMinute } mostSoftBounces } }"
    told = (await client.data(query))["mailingSettings"]
    assert told["domainLimits"] == [{"domain": "example.com", "perMinute": 5}]
    assert told["mostSoftBounces"] == 5
    nothing = {"per_minute_of_domain": None, "most_soft_bounces": None}
    held = (await client.put(path, json=nothing)).json()
    assert {name: held[name] for name in nothing} == nothing
    query = "{ mailingSettings { perMinuteOfDomain mostSoftBounces } }"
    told = (await client.data(query))["mailingSettings"]
    assert told == {"perMinuteOfDomain": None, "mostSoftBounces": None}
    change = """mutation { setMailingSettings(input: {mostSoftBounces: null}) {
        perMinuteOfDomain mostSoftBounces } }"""
    told = (await client.data(change))["setMailingSettings"]
    assert told == {"perMinuteOfDomain": 600, "mostSoftBounces": None}
