"""A client in Python, made from nothing but the OpenAPI document: what it sends and reads is right.

python client.py http://127.0.0.1:8000 KEY
"""

import sys
from http import HTTPStatus

from crm_api_client import AuthenticatedClient
from crm_api_client.api.contacts import create_contact, delete_contact, get_contact
from crm_api_client.models import ContactCreate, ContactOut, Problem


def main(url: str, key: str) -> None:
    with AuthenticatedClient(base_url=url, token=key) as client:
        made = create_contact.sync(client=client, body=ContactCreate(last_name="Client"))
        assert isinstance(made, ContactOut), made
        read = get_contact.sync(client=client, id=made.id)
        assert isinstance(read, ContactOut), read
        assert read.name == "Client"
        gone = delete_contact.sync_detailed(client=client, id=made.id)
        assert gone.status_code == HTTPStatus.NO_CONTENT
        missing = get_contact.sync(client=client, id=made.id)
        assert isinstance(missing, Problem), missing
        assert missing.code == "not_found"
    sys.stdout.write("Python client: works\n")


main(*sys.argv[1:])
