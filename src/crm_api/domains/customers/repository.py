"""How preferences and expectations are listed and found."""

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.customers.models import Expectation, Preference
from crm_api.domains.customers.schemas import ExpectationOut, PreferenceOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation

PREFERENCES: Listing = Listing(
    model=Preference,
    out=PreferenceOut,
    area="customers",
    relations=(
        Relation(
            "contact",
            lambda: CONTACTS,
            Preference.contact_id,
            CONTACTS.model.id,
            back="preferences",
        ),
        Relation(
            "company",
            lambda: COMPANIES,
            Preference.company_id,
            COMPANIES.model.id,
            back="preferences",
        ),
    ),
)
EXPECTATIONS: Listing = Listing(
    model=Expectation,
    out=ExpectationOut,
    area="customers",
    relations=(
        Relation(
            "contact",
            lambda: CONTACTS,
            Expectation.contact_id,
            CONTACTS.model.id,
            back="expectations",
        ),
        Relation(
            "company",
            lambda: COMPANIES,
            Expectation.company_id,
            COMPANIES.model.id,
            back="expectations",
        ),
    ),
)


class Preferences(Repository[Preference]):
    """What contacts and companies prefer."""

    model = Preference
    listing = PREFERENCES


class Expectations(Repository[Expectation]):
    """What customers count on."""

    model = Expectation
    listing = EXPECTATIONS
