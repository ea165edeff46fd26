"""Whether the process lives, and whether it can serve."""


async def test_both_probes_answer_without_a_credential(anonymous):
    assert (await anonymous.get("/healthz")).json() == {"status": "ok"}
    ready = (await anonymous.get("/readyz")).json()
    assert ready["status"] == "ready"
    assert ready["database"] == "ok"
    assert ready["schema_revision"]


async def test_client_reaches_its_organization(client, org):
    assert (await client.read("organization"))["id"] == str(org.id)
