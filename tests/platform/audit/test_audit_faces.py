"""The trail as it is asked for: filters, pages, scopes, both faces."""

from support.clients import pointers, problem


async def test_the_newest_comes_first_and_pages_are_whole(client):
    for number in range(7):
        await client.made("companies", {"name": f"Example {number}"})
    whole = await client.read("audit", limit=200, count="exact")
    times = [event["occurred_at"] for event in whole["data"]]
    assert times == sorted(times, reverse=True)
    assert whole["total"] == len(whole["data"]) >= 8
    found, cursor = [], {}
    while True:
        page = await client.read("audit", limit=3, **cursor)
        found += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == whole["data"]
    other = await client.get("/v1/audit", params={**cursor, "filter[entity]": "company"})
    assert problem(other, 422)["errors"][0]["code"] == "cursor_mismatch"


async def test_it_is_filtered_in_the_one_language(client, keyed):
    first = await client.made("companies", {"name": "Example"})
    await client.made("companies", {"name": "Another"})
    await client.changed(f"companies/{first['id']}", {"name": "Renamed"})
    writer = await keyed("companies:write", "audit:read")
    second = await writer.made("companies", {"name": "Of the key"})
    me = (await writer.read("me"))["id"]

    async def types(**params):
        return [event["type"] for event in (await client.read("audit", **params))["data"]]

    own = {"filter[record_id]": first["id"]}
    assert await types(**own) == ["company.updated", "company.created"]
    assert await types(**own, **{"filter[type][ends_with]": ".created"}) == ["company.created"]
    assert await types(**{"filter[actor_id]": me}) == ["company.created"]
    assert await types(**{"filter[entity]": "company", "filter[occurred_at][gte]": "@now+1d"}) == []
    mine = await writer.post("/v1/audit/query", json={"filter": {"actor_id": {"eq": "@me"}}})
    assert [event["record_id"] for event in mine.json()["data"]] == [second["id"]]
    either = {"or": [{"record_id": {"eq": first["id"]}}, {"record_id": {"eq": second["id"]}}]}
    answer = await client.post(
        "/v1/audit/query",
        json={"filter": {"and": [either, {"type": {"eq": "company.created"}}]}, "limit": 1},
    )
    assert len(answer.json()["data"]) == 1
    assert answer.json()["next_cursor"]


async def test_mistakes_have_their_place(client):
    wrong = await client.get("/v1/audit", params={"filter[data]": "x"})
    assert pointers(problem(wrong, 422)) == ["/filter/data"]
    wrong = await client.post("/v1/audit/query", json={"filter": {"actor_id": {"eq": "nobody"}}})
    assert pointers(problem(wrong, 422)) == ["/filter/actor_id/eq"]
    wrong = await client.get("/v1/audit", params={"filter[custom][tier]": "x"})
    problem(wrong, 422)
    problem(await client.get("/v1/audit", params={"sort": "data"}), 422)
    problem(await client.get("/v1/audit", params={"cursor": "nonsense"}), 422)
    problem(await client.get("/v1/audit", params={"deleted": "only"}), 422)


async def test_it_takes_a_scope_of_its_own(client, keyed, other):
    made = await client.made("companies", {"name": "Example"})
    stranger = await keyed("companies:read", "events:read")
    for path in ("audit", "audit/status", "audit/settings"):
        found = problem(await stranger.get(f"/v1/{path}"), 403, "insufficient_scope")
        assert found["scope"] == "audit:read"
    problem(await stranger.post("/v1/audit/query", json={}), 403, "insufficient_scope")
    problem(await stranger.post("/v1/audit/verify"), 403, "insufficient_scope")
    reader = await keyed("audit:read")
    problem(await reader.put("/v1/audit/settings", json={"reads": []}), 403, "insufficient_scope")
    params = {"filter[record_id]": made["id"]}
    assert (await other.read("audit", **params))["data"] == []
    (event,) = (await reader.read("audit", **params))["data"]
    # What happened is seen, but not what it says of a record that the key may not read.
    assert (event["type"], event["data"], event["previous"]) == ("company.created", None, None)
    (event,) = (await client.read("audit", **params))["data"]
    assert event["data"]["name"] == "Example"


async def test_hidden_custom_fields_stay_hidden(client, keyed):
    await client.made(
        "custom-fields",
        {"target": "company", "name": "secret", "type": "text", "visible_to": ["vault:read"]},
    )
    made = await client.made("companies", {"name": "Example", "custom": {"secret": "word"}})
    reader = await keyed("audit:read", "companies:read")
    (event,) = (await reader.read("audit", **{"filter[record_id]": made["id"]}))["data"]
    assert "secret" not in event["data"]["custom"]


EVENTS = """query($where: AuditEventWhere, $after: String) {
    auditEvents(where: $where, first: 2, after: $after, orderBy: ["occurredAt"]) {
        nodes { id type entity recordId actorKind actorId data previous occurredAt }
        pageInfo { hasNextPage endCursor } totalCount } }"""


async def test_graphql_shows_the_same(client, keyed):
    made = await client.made("companies", {"name": "Example"})
    for name in ("First", "Second"):
        await client.changed(f"companies/{made['id']}", {"name": name})
    where = {"recordId": {"eq": made["id"]}}
    first = (await client.data(EVENTS, where=where))["auditEvents"]
    assert first["totalCount"] == 3
    after = first["pageInfo"]["endCursor"]
    second = (await client.data(EVENTS, where=where, after=after))["auditEvents"]
    rest = await client.read("audit", sort="occurred_at", **{"filter[record_id]": made["id"]})
    names = {"recordId": "record_id", "actorKind": "actor_kind", "actorId": "actor_id"}
    names["occurredAt"] = "occurred_at"
    assert [*first["nodes"], *second["nodes"]] == [
        {key: event[names.get(key, key)] for key in first["nodes"][0]} for event in rest["data"]
    ]
    stranger = await keyed("companies:read")
    answer = await stranger.gql(EVENTS)
    assert answer["errors"][0]["extensions"]["code"] == "insufficient_scope"


async def test_the_status_tells_how_far_it_is(client, trail):
    await client.made("companies", {"name": "Example"})
    before = await client.read("audit/status")
    assert (before["position"], before["hash"], before["verified"]) == (0, None, None)
    assert before["pending"] == len(await trail.events())
    seals = await trail.seal()
    after = await client.read("audit/status")
    assert (after["position"], after["pending"], after["lag_s"]) == (len(seals), 0, 0)
    assert after["hash"] == seals[-1]["hash"].hex()
    shown = "{ auditStatus { form position hash anchors pending verified { isWhole } } }"
    graph = (await client.data(shown))["auditStatus"]
    assert graph == {key: after[key] for key in graph}


async def test_a_verification_is_a_job_and_an_event(client, trail, worker):
    await client.made("companies", {"name": "Example"})
    await trail.seal()
    begun = await client.post("/v1/audit/verify")
    assert begun.status_code == 202
    job = await client.ended(begun.json()["job_id"])
    assert job["result"]["is_whole"] is True
    assert job["result"]["events"] >= 2
    told = (await client.read("audit/status"))["verified"]
    assert (told["is_whole"], told["breaks"]) == (True, 0)
    started = (await client.data("mutation { verifyAudit }"))["verifyAudit"]
    assert (await client.ended(started))["result"]["is_whole"] is True
    found = await client.read("audit", **{"filter[type]": "audit.verified"})
    assert len(found["data"]) == 2
