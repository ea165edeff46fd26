"""Customers accept and reject what was delivered by a link, without a login."""

import asyncio
import re

from support.clients import problem


async def opened(api, **more):
    """A link of a project of which one deliverable is submitted and another is a draft."""
    made = await api.made("projects", {"name": "New office"})
    of = {"project_id": made["id"]}
    one = await api.made("deliverables", {**of, "name": "Training"})
    await api.made("deliverables", {**of, "name": "Not yet"})
    answer = await api.post(f"/v1/deliverables/{one['id']}/submit")
    assert answer.status_code == 200, answer.text
    link = await api.made("delivery-links", {**of, **more})
    return link, one, f"/public/deliveries/{link['token']}"


async def test_a_customer_accepts_what_was_delivered(client, anonymous):
    link, one, path = await opened(client, label="Site")
    found = (await anonymous.get(path)).json()
    assert (found["project"], [d["name"] for d in found["deliverables"]]) == (
        "New office",
        ["Training"],
    )
    assert found["deliverables"][0]["can_accept"]
    what = f"{path}/deliverables/{one['id']}"
    problem(await anonymous.post(f"{what}/reject", json={"name": "An example"}), 422)
    said = {"name": "An example", "reason": "The room is missing."}
    assert (await anonymous.post(f"{what}/reject", json=said)).json()["status"] == "rejected"
    problem(await anonymous.post(f"{what}/accept", json=said), 422)
    told = await anonymous.post(f"{what}/accept", json={"name": "An example"})
    assert problem(told, 409, "already_rejected")["by_this_link"] is True
    await client.post(f"/v1/deliverables/{one['id']}/submit")
    assert (await anonymous.post(f"{what}/accept", json={"name": "An example"})).status_code == 200
    kept = await client.read(f"deliverables/{one['id']}")
    assert (kept["status"], kept["decided_by"]) == ("accepted", "An example")
    visits = await client.read(f"projects/{link['project_id']}/delivery-visits")
    assert [row["did"] for row in visits["recent"]] == ["accepted", "rejected", "read"]
    other, _, _ = await opened(client)
    wrong = f"/public/deliveries/{other['token']}/deliverables/{one['id']}/accept"
    problem(await anonymous.post(wrong, json={"name": "An example"}), 404, "no_deliverable")
    problem(await anonymous.get(f"{path}x"), 404, "unknown_link")


async def test_of_many_answers_at_once_one_counts(client, anonymous):
    _, one, path = await opened(client)
    what = f"{path}/deliverables/{one['id']}"
    said = {"name": "An example", "reason": "No."}
    answers = await asyncio.gather(
        *(anonymous.post(f"{what}/accept", json={"name": "An example"}) for _ in range(4)),
        *(anonymous.post(f"{what}/reject", json=said) for _ in range(4)),
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]


async def test_a_revoked_link_opens_nothing(client, anonymous):
    link, one, path = await opened(client)
    document = "mutation($id: UUID!) { revokeDeliveryLink(id: $id) { revokedAt } }"
    assert (await client.data(document, id=link["id"]))["revokeDeliveryLink"]["revokedAt"]
    problem(await anonymous.get(path), 410)
    what = f"{path}/deliverables/{one['id']}/accept"
    problem(await anonymous.post(what, json={"name": "An example"}), 410)
    assert (await anonymous.get(f"{path}/page")).status_code == 410


async def test_a_link_has_ended_for_all_while_its_project_is_in_the_bin(client, anonymous):
    link, one, path = await opened(client)
    answer = await client.delete(f"/v1/projects/{link['project_id']}")
    assert answer.status_code == 204, answer.text
    problem(await anonymous.get(path), 410, "link_ended")
    what, said = f"{path}/deliverables/{one['id']}/accept", {"name": "An example"}
    problem(await anonymous.post(what, json=said), 410, "link_ended")
    answer = await client.post(f"/v1/projects/{link['project_id']}/restore")
    assert answer.status_code == 200, answer.text
    assert (await anonymous.post(what, json=said)).status_code == 200


async def test_the_page_has_forms_that_need_no_scripts(client, anonymous):
    _, one, path = await opened(client)
    shown = await anonymous.get(f"{path}/page", headers={"accept-language": "de"})
    assert (shown.status_code, "Abnehmen" in shown.text) == (200, True)
    assert "script" not in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    assert re.search('<form method="post" action="page"', shown.text)
    form = {"do": "reject", "deliverable": one["id"], "name": "An <b>example</b>"}
    again = await anonymous.post(f"{path}/page", data=form)
    assert (again.status_code, "An &lt;b&gt;example" in again.text) == (422, True)
    form |= {"do": "accept"}
    for _ in range(2):
        done = await anonymous.post(f"{path}/page", data=form)
        assert (done.status_code, done.headers["location"]) == (303, "page")
    after = await anonymous.get(f"{path}/page")
    assert "Accepted on" in after.text
    assert "<form" not in after.text
