"""What is sent twice decides once."""

from support.approving import by
from support.clients import problem


async def test_what_is_sent_twice_decides_on_no_step_unseen(approving):
    """Whoever is asked in two steps names the one that was seen, or its version."""
    one, two = await approving.approvers(2)
    await approving.policy(by(one, name="First"), by(one, two, rule="all", name="Second"))
    made = await approving.asked(await approving.company())
    path = f"/v1/approvals/{made['id']}/approve"
    seen = {"If-Match": f'"{made["version"]}"'}
    assert (await one.api.post(path, json={}, headers=seen)).json()["step"] == 1
    problem(await one.api.post(path, json={}, headers=seen), 412, "stale")
    found = problem(await one.api.post(path, json={"step": 0}), 409, "other_step")
    assert found["step"] == 1
    for verb, body in (
        ("reject", {"comment": "No."}),
        ("recall", {}),
        ("reassign", {"to_user_id": str(two.id)}),
    ):
        answer = await one.api.post(f"/v1/approvals/{made['id']}/{verb}", json=body, headers=seen)
        problem(answer, 412, "stale")
    document = """mutation($id: UUID!, $step: Int, $version: Int) {
        approve(id: $id, step: $step, expectedVersion: $version) { step waitingFor } }"""
    for variables, code in (({"step": 0}, "other_step"), ({"version": 1}, "stale")):
        answer = await one.api.gql(document, id=made["id"], **variables)
        assert answer["errors"][0]["extensions"]["code"] == code
    now = await approving.now(made["id"])
    assert len(now["decisions"]) == 1
    told = await one.api.data(document, id=made["id"], step=1, version=now["version"])
    assert told["approve"] == {"step": 1, "waitingFor": [str(two.id)]}
