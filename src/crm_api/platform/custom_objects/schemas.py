"""What records of custom objects look like from outside."""

from pydantic import Field

from crm_api.kit.schema import Create, Name, Out, patch_of


class CustomRecordCreate(Create):
    """A new record of a custom object."""

    name: Name = Field(description="What it is called.", examples=["Example van"])


CustomRecordUpdate = patch_of("CustomRecordUpdate", CustomRecordCreate)


class CustomRecordOut(Out):
    """A record of a custom object."""

    object: str = Field(description="The key of the object.")
    name: str
