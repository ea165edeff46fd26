"""What a version comes to with other options: by what was sent, whatever prices are by now."""

from decimal import Decimal

import pytest

from crm_api.domains.quotes.choosing import chosen, is_choosable, options_of, selected_in
from crm_api.kit.errors import Invalid, WrongState
from crm_api.kit.pricing.documents import Arithmetic
from support.clients import problem
from support.quoting import OPTIONS, act, link, offered, product, quote

RULES = Arithmetic("EUR")


async def version_of(client, **more):
    made = await quote(client, **more)
    await act(client, made["id"], "send")
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    return version


def by_name(content):
    return {line["name"]: line["id"] for line in content["lines"]}


async def test_what_was_sent_comes_out_again(client):
    version = await version_of(client, **OPTIONS)
    content = version["content"]
    names = by_name(content)
    assert options_of(content) == [names[n] for n in ("Cushion", "Delivery", "Basic", "Full")]
    assert selected_in(content) == [names["Delivery"]]
    assert is_choosable(content, RULES)
    found = chosen(content, version["costs"], [names["Delivery"]], RULES)
    assert found.lines == content["lines"]
    assert found.totals == content["totals"]
    assert found.values["net"] == Decimal(content["net"])


async def test_the_sums_are_those_of_the_quote_itself(client):
    """Chosen by the customer it comes to what it comes to if the seller chooses it."""
    more = {
        **OPTIONS,
        "discounts": [
            {"percent": "5"},
            {"amount": "20", "section": "more", "reason": "Fair"},
        ],
    }
    version = await version_of(client, **more)
    names = by_name(version["content"])
    for wanted in (["Cushion", "Full"], ["Basic"], ["Cushion", "Delivery", "Basic"]):
        found = chosen(version["content"], version["costs"], [names[n] for n in wanted], RULES)
        lines = [
            {**line, "is_selected": line["name"] in wanted}
            if "section" in line and line["section"] != "base"
            else line
            for line in OPTIONS["lines"]
        ]
        other = await quote(client, **{**more, "lines": lines})
        apart = ("id", "manual_percent")
        for one, its in zip(found.lines, other["lines"], strict=True):
            assert {n: v for n, v in one.items() if n not in apart} == {
                n: v for n, v in its.items() if n not in apart
            }
        assert found.totals == other["totals"]
        for name in ("net", "tax", "gross", "one_time", "mrr", "arr", "acv", "tcv"):
            assert found.values[name] == Decimal(other[name]), name


async def test_taxes_discounts_and_prices_of_units_are_kept(client):
    await client.made(
        "tax-rates", {"name": "VAT", "country": "DE", "rate": "19", "valid_from": "2020-01-01"}
    )
    sold = await product(client, list_price="9.9999")
    lines = [
        {"product_id": sold["id"], "quantity": "7"},
        {"product_id": sold["id"], "quantity": "3", "is_optional": True,
         "discounts": [{"percent": "3.5"}, {"amount": "1"}]},
        {"name": "Fee", "unit_price": "0.333", "quantity": "3", "is_optional": True},
    ]  # fmt: skip
    version = await version_of(client, lines=lines, country="DE")
    content = version["content"]
    assert is_choosable(content, RULES)
    wanted = [line["id"] for line in content["lines"][1:]]
    found = chosen(content, version["costs"], wanted, RULES)
    other = await quote(
        client, country="DE", lines=[lines[0], *({**x, "is_selected": True} for x in lines[1:])]
    )
    assert found.totals == other["totals"]
    assert found.values["cost"] == (None if other["cost"] is None else Decimal(other["cost"]))


async def test_taxes_of_which_too_little_was_kept_are_not_guessed(client):
    """A version that was sent before it was kept which taxes are on the others."""
    rate = {"country": "CA", "valid_from": "2020-01-01"}
    await client.made("tax-rates", rate | {"name": "GST", "code": "gst", "rate": "5"})
    more = {"name": "QST", "code": "qst", "rate": "9.5", "compound": True, "position": 1}
    await client.made("tax-rates", rate | more)
    version = await version_of(client, **OPTIONS, country="CA")
    content = version["content"]
    assert is_choosable(content, RULES)
    # 9.5 % are of the net amount and the 5 % on it; once it was told to be of the first alone.
    for gst, qst in (group["taxes"] for group in content["totals"] if group["taxes"]):
        assert Decimal(qst["taxable"]) == Decimal(gst["taxable"]) + Decimal(gst["amount"])
        qst["taxable"] = gst["taxable"]
    assert is_choosable(content, RULES)
    for of in (content["lines"], content["totals"]):
        for tax in (tax for one in of for tax in one["taxes"]):
            del tax["compound"]
    assert not is_choosable(content, RULES)


async def test_later_prices_change_nothing(client, anonymous):
    sold = await product(client)
    lines = [
        {"name": "Assembly", "unit_price": "90"},
        {"product_id": sold["id"], "is_optional": True},
    ]
    _, path = await offered(client, lines=lines)
    await client.changed(f"products/{sold['id']}", {"list_price": "500"})
    option = (await anonymous.get(path)).json()["lines"][1]
    answer = await anonymous.post(f"{path}/options", json={"selected": [option["id"]]})
    assert answer.json()["net"] == "190.00"


async def test_what_cannot_be_chosen(client):
    version = await version_of(client, **OPTIONS)
    content = version["content"]
    names = by_name(content)

    def codes(*wanted):
        with pytest.raises(Invalid) as caught:
            chosen(content, (), wanted, RULES)
        return [(fault.code, fault.pointer) for fault in caught.value.faults]

    assert codes(names["Delivery"], names["Chair"]) == [("unknown_option", "/selected/1")]
    assert codes("nonsense") == [("unknown_option", "/selected/0")]
    assert codes(names["Basic"], names["Full"]) == [("two_alternatives", "/selected/1")]
    only = await version_of(
        client, lines=[{"name": "A", "unit_price": "1", "is_optional": True, "is_selected": True}]
    )
    with pytest.raises(Invalid) as caught:
        chosen(only["content"], (), [], RULES)
    assert [fault.code for fault in caught.value.faults] == ["nothing_selected"]
    # By other rules it would come to something else: nobody guesses.
    odd = await version_of(client, lines=[
        {"name": "A", "unit_price": "0.25", "discounts": [{"percent": "50"}]}, {"name": "B", "unit_price": "1", "is_optional": True},
    ])  # fmt: skip
    option = options_of(odd["content"])
    with pytest.raises(WrongState):
        chosen(odd["content"], (), option, Arithmetic("EUR", "half_even"))
    assert chosen(odd["content"], (), option, RULES).values["net"] == Decimal("1.13")


async def test_options_that_exclude_each_other_are_not_both_chosen(client, anonymous):
    left, right = [await product(client, name=name) for name in ("Left", "Right")]
    apart = {"product_id": right["id"], "related_id": left["id"], "kind": "excludes"}
    await client.made("product-relations", apart)
    whole = await product(client, name="Both", type="bundle", status="draft")
    for inside in (left, right):
        await client.made(
            "bundle-components", {"product_id": whole["id"], "component_id": inside["id"]}
        )
    await client.changed(f"products/{whole['id']}", {"status": "active"})
    lines = [{"name": "Base", "unit_price": "5"}]
    lines += [{"product_id": one["id"], "is_optional": True} for one in (left, right)]
    made, path = await offered(client, lines=lines)
    _, first, second = [line["id"] for line in (await anonymous.get(path)).json()["lines"]]
    both = {"selected": [first, second]}
    for verb, more in (("options", {}), ("accept", {"name": "Sample", "revision": 1})):
        found = problem(await anonymous.post(f"{path}/{verb}", json=both | more), 422)
        assert [(e["code"], e["pointer"]) for e in found["errors"]] == [
            ("excluded_option", "/selected/0")
        ]
    page = await anonymous.get(f"{path}/page?chosen=1&option={first}&option={second}")
    assert page.status_code == 422
    assert "Not all that is chosen goes together." in page.text
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "viewed"
    one = await anonymous.post(
        f"{path}/accept", json={"name": "Sample", "revision": 1, "selected": [second]}
    )
    assert one.status_code == 200, one.text
    # What the seller offers in spite of it may be taken, with whatever else.
    lines = [{"product_id": one["id"]} for one in (left, right)] + [
        lines[0] | {"is_optional": True}
    ]
    made, path = await offered(client, lines=lines)
    *_, more = [line["id"] for line in (await anonymous.get(path)).json()["lines"]]
    answer = await anonymous.post(
        f"{path}/accept", json={"name": "Sample", "revision": 1, "selected": [more]}
    )
    assert answer.status_code == 200, answer.text
    # What a bundle holds counts too.
    lines = [{"product_id": right["id"]}, {"product_id": whole["id"], "is_optional": True}]
    made, path = await offered(client, lines=lines)
    *_, more = [line["id"] for line in (await anonymous.get(path)).json()["lines"]]
    problem(await anonymous.post(f"{path}/options", json={"selected": [more]}), 422)


async def test_options_are_looked_into_however_deep(client, anonymous):
    """As they were sent, whatever the bundles hold by now."""
    left, right = [await product(client, name=name) for name in ("Left", "Right")]
    saw, blade = [await product(client, name=name) for name in ("Saw", "Blade")]
    for one, other, kind in ((left, right, "excludes"), (saw, blade, "requires")):
        body = {"product_id": one["id"], "related_id": other["id"], "kind": kind}
        await client.made("product-relations", body)

    async def inside(part):
        for _ in range(2):
            outer = await product(client, name="Set", type="bundle", status="draft")
            body = {"product_id": outer["id"], "component_id": part["id"]}
            component = await client.made("bundle-components", body)
            part = await client.changed(f"products/{outer['id']}", {"status": "active"})
        return part["id"], component["id"]

    (in_left, component), (in_saw, _), (in_blade, _) = [
        await inside(one) for one in (left, saw, blade)
    ]
    lines = [{"product_id": right["id"]}]
    lines += [{"product_id": id, "is_optional": True} for id in (in_left, in_saw, in_blade)]
    made, path = await offered(client, lines=lines)
    # The outer bundle holds something else besides by now, and not that any more.
    await client.made("bundle-components", {"product_id": in_left, "component_id": blade["id"]})
    assert (await client.delete(f"/v1/bundle-components/{component}")).status_code == 204
    _, *ids = [line["id"] for line in (await anonymous.get(path)).json()["lines"]]
    for selected, code in (
        (ids[:1], "excluded_option"),
        (ids[1:2], "required_option"),
    ):
        found = problem(await anonymous.post(f"{path}/options", json={"selected": selected}), 422)
        assert [(e["code"], e["pointer"]) for e in found["errors"]] == [(code, "/selected/0")]
    answer = await anonymous.post(f"{path}/options", json={"selected": ids[1:]})
    assert answer.status_code == 200, answer.text
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert version["content"]["lines"][1]["held_ids"][-1] == left["id"]


async def test_an_option_is_not_chosen_without_the_one_that_it_requires(client, anonymous):
    saw, blade = [await product(client, name=name) for name in ("Saw", "Blade")]
    wants = {"product_id": saw["id"], "related_id": blade["id"], "kind": "requires"}
    await client.made("product-relations", wants)
    base = {"name": "Base", "unit_price": "5"}
    options = [{"product_id": one["id"], "is_optional": True} for one in (saw, blade)]
    made, path = await offered(client, lines=[base, *options])
    _, first, second = [line["id"] for line in (await anonymous.get(path)).json()["lines"]]
    for verb, more in (("options", {}), ("accept", {"name": "Sample", "revision": 1})):
        alone = {"selected": [first], **more}
        found = problem(await anonymous.post(f"{path}/{verb}", json=alone), 422)
        assert [(e["code"], e["pointer"]) for e in found["errors"]] == [
            ("required_option", "/selected/0")
        ]
        assert "Saw" in found["errors"][0]["message"]
        assert "Blade" in found["errors"][0]["message"]
    page = await anonymous.get(f"{path}/page?chosen=1&option={first}")
    assert page.status_code == 422
    assert "An option wants another one, which is not chosen." in page.text
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "viewed"
    both = {"name": "Sample", "revision": 1, "selected": [first, second]}
    answer = await anonymous.post(f"{path}/accept", json=both)
    assert answer.status_code == 200, answer.text
    # Nor is what is there in any case left without it.
    chosen_blade = options[1] | {"is_selected": True}
    _, path = await offered(client, lines=[{"product_id": saw["id"]}, chosen_blade])
    found = problem(await anonymous.post(f"{path}/options", json={"selected": []}), 422)
    assert [(e["code"], e["pointer"]) for e in found["errors"]] == [
        ("required_option", "/selected")
    ]
    # What is not offered nobody can choose, and what the seller has sent so may be taken so.
    _, path = await offered(client, lines=[base, options[0]])
    *_, only = [line["id"] for line in (await anonymous.get(path)).json()["lines"]]
    answer = await anonymous.post(f"{path}/options", json={"selected": [only]})
    assert answer.status_code == 200, answer.text
    more = {"name": "More", "unit_price": "1", "is_optional": True}
    _, path = await offered(client, lines=[{"product_id": saw["id"]}, options[1], more])
    *_, only = [line["id"] for line in (await anonymous.get(path)).json()["lines"]]
    answer = await anonymous.post(f"{path}/options", json={"selected": [only]})
    assert answer.status_code == 200, answer.text


async def test_a_promotion_off_everything_is_not_guessed(client, anonymous):
    sold = await product(client)
    await client.made(
        "promotions",
        {"name": "Ten off", "amount": "10", "currency": "EUR", "product_id": sold["id"]},
    )
    lines = [{"product_id": sold["id"]}, {"product_id": sold["id"], "is_optional": True}]
    made, path = await offered(client, lines=lines)
    found = (await anonymous.get(path)).json()
    assert (found["net"], found["can_choose"]) == ("90.00", False)
    option = found["lines"][1]["id"]
    answer = await anonymous.post(f"{path}/options", json={"selected": [option]})
    problem(answer, 409, "options_fixed")
    body = {"name": "Sample Person", "revision": 1, "selected": [option]}
    problem(await anonymous.post(f"{path}/accept", json=body), 409, "options_fixed")
    # As it was sent it is accepted.
    answer = await anonymous.post(f"{path}/accept", json={**body, "selected": []})
    assert answer.json()["net"] == "90.00"
    again = await anonymous.get(await link(client, made["id"]))
    assert again.json()["status"] == "accepted"
