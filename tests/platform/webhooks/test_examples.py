"""Examples of what is sent are what it is said to be."""

from datetime import UTC, datetime

import pytest

from crm_api.kit.db.json import decode
from crm_api.platform.webhooks.bodies import body_of
from crm_api.platform.webhooks.service import WebhookService
from crm_api.registry import MODULES
from support.json_schema import errors

assert MODULES  # which set what kinds of events there are
TYPES = WebhookService.types
NOW = datetime.now(UTC)


@pytest.mark.parametrize("entity", sorted({topic.partition(".")[0] for topic in TYPES.of()}))
def test_examples_are_valid_by_what_is_published(entity):
    for topic in TYPES.of():
        if topic.partition(".")[0] != entity:
            continue
        body = decode(body_of(TYPES.example(topic, NOW), test=True))
        schema = {k: v for k, v in TYPES.schema(topic).items() if k != "$schema"}
        assert errors(body, schema, {}) == [], topic
        if not topic.endswith((".purged", ".deleted", ".restored")) and schema["properties"][
            "data"
        ].get("properties"):
            assert body["data"], topic


def test_examples_say_something():
    made = TYPES.example("contact.created", NOW)
    assert made["data"]["last_name"] == "Example"
    band = TYPES.example("lead.band_changed", NOW)["data"]
    assert {"before", "band", "score"} <= band.keys()
