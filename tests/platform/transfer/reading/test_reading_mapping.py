from pathlib import Path

import pytest

from crm_api.platform.transfer.reading.aliases import COMPANY_FIELDS, CONTACT_FIELDS
from crm_api.platform.transfer.reading.detect import detect
from crm_api.platform.transfer.reading.mapping import FieldHint, suggest
from crm_api.platform.transfer.reading.names import folded, words
from crm_api.platform.transfer.reading.rows import count_rows, read_rows

DATA = Path(__file__).parents[3] / "data"

HUBSPOT = {
    "Record ID": "external_id",
    "First Name": "first_name",
    "Last Name": "last_name",
    "Email": "email",
    "Phone Number": "phone",
    "Mobile Phone Number": "phone:mobile",
    "Contact owner": "owner_email",
    "Lifecycle Stage": "lifecycle",
    "Company Name": "company.name",
    "Job Title": "title",
    "Street Address": "address.street",
    "City": "address.city",
    "State/Region": "address.region",
    "Postal Code": "address.postal_code",
    "Country/Region": "address.country",
    "Create Date": "created_at",
    "Website URL": "company.website",
    "Industry": "company.industry",
    "Preferred language": "language",
    "Time Zone": "time_zone",
    "Date of birth": "birth_date",
    "Salutation": "salutation",
    "Number of Employees": "company.employees",
    "Annual Revenue": "company.revenue",
    "Email Domain": "company.domain",
    "Original Source": "source",
}
SALESFORCE = {
    "18 digit id": "external_id",
    "Salutation": "salutation",
    "FirstName": "first_name",
    "MiddleName": "middle_name",
    "LastName": "last_name",
    "AccountName": "company.name",
    "Title": "title",
    "Department": "department",
    "MailingStreet": "address.street",
    "MailingCity": "address.city",
    "MailingState/Province": "address.region",
    "MailingPostalCode": "address.postal_code",
    "MailingCountry": "address.country",
    "Phone": "phone",
    "MobilePhone": "phone:mobile",
    "HomePhone": "phone",
    "OtherPhone": "phone",
    "Email": "email",
    "Birthdate": "birth_date",
    "LeadSource": "source",
    "Description": "description",
    "OwnerId": "owner_email",
    "CreatedDate": "created_at",
}
SALESFORCE_REPORT = {
    "Contact ID": "external_id",
    "First Name": "first_name",
    "Last Name": "last_name",
    "Account Name": "company.name",
    "Title": "title",
    "Mailing Street": "address.street",
    "Mailing City": "address.city",
    "Mailing State/Province": "address.region",
    "Mailing Zip/Postal Code": "address.postal_code",
    "Mailing Country": "address.country",
    "Phone": "phone",
    "Mobile": "phone:mobile",
    "Email": "email",
    "Account Owner": "owner_email",
    "Lead Source": "source",
    "Contact Description": "description",
}
SALESFORCE_LEADS = {
    "Lead ID": "external_id",
    "Company": "company.name",
    "Street": "address.street",
    "City": "address.city",
    "State/Province": "address.region",
    "Zip/Postal Code": "address.postal_code",
    "Country": "address.country",
    "Lead Status": "lifecycle",
    "Lead Owner": "owner_email",
    "NumberOfEmployees": "company.employees",
    "AnnualRevenue": "company.revenue",
    "Website": "company.website",
}
FEBRL = {
    "rec_id": "external_id",
    "given_name": "first_name",
    "surname": "last_name",
    "street_number": "address.street",
    "address_1": "address.street",
    "address_2": "address.street",
    "suburb": "address.city",
    "postcode": "address.postal_code",
    "state": "address.region",
    "date_of_birth": "birth_date",
    "age": None,
    "phone_number": "phone",
    "soc_sec_id": None,
    "blocking_number": None,
}
GERMAN = {
    "Anrede": "salutation",
    "Vorname": "first_name",
    "Nachname": "last_name",
    "Firma": "company.name",
    "Telefon": "phone",
    "Handy": "phone:mobile",
    "E-Mail": "email",
    "Straße": "address.street",
    "PLZ": "address.postal_code",
    "Ort": "address.city",
    "Land": "address.country",
    "Geburtsdatum": "birth_date",
    "Kundennummer": "external_id",
    "Sprache": "language",
}
FRENCH = {
    "Prénom": "first_name",
    "Nom": "last_name",
    "Société": "company.name",
    "Code postal": "address.postal_code",
    "Ville": "address.city",
    "Pays": "address.country",
    "Téléphone": "phone",
    "Courriel": "email",
    "Fonction": "title",
    "Date de naissance": "birth_date",
}
SPANISH = {
    "Nombre": "first_name",
    "Apellidos": "last_name",
    "Empresa": "company.name",
    "Teléfono": "phone",
    "Correo electrónico": "email",
    "Ciudad": "address.city",
    "País": "address.country",
    "Código postal": "address.postal_code",
    "Cargo": "title",
}
RUSSIAN = {
    "Имя": "first_name",
    "Фамилия": "last_name",
    "Отчество": "middle_name",
    "Компания": "company.name",
    "Должность": "title",
    "Телефон": "phone",
    "Почта": "email",
    "Город": "address.city",
    "Страна": "address.country",
    "Дата рождения": "birth_date",
    "Комментарий": "description",
}
HUBSPOT_COMPANIES = {
    "Record ID": "external_id",
    "Company name": "name",
    "Company Domain Name": "domain",
    "Website URL": "website",
    "Phone Number": "phone",
    "Industry": "industry",
    "Number of Employees": "employees",
    "Annual Revenue": "revenue",
    "Street Address": "address.street",
    "City": "address.city",
    "State/Region": "address.region",
    "Postal Code": "address.postal_code",
    "Country/Region": "address.country",
    "Description": "description",
    "Lifecycle Stage": "lifecycle",
    "Parent Company": "parent",
    "Company owner": "owner_email",
    "Create Date": "created_at",
    "legal_name": "legal_name",
    "VAT Number": "tax_id",
}
SALESFORCE_ACCOUNTS = {
    "Account ID": "external_id",
    "Account Name": "name",
    "Website": "website",
    "Phone": "phone",
    "Billing Street": "address.street",
    "Billing City": "address.city",
    "Billing State/Province": "address.region",
    "Billing Zip/Postal Code": "address.postal_code",
    "Billing Country": "address.country",
    "Parent Account": "parent",
    "Employees": "employees",
    "Annual Revenue": "revenue",
    "Type": "lifecycle",
    "Account Source": "source",
}


def fields_of(suggestions):
    return {suggestion.column: suggestion.field for suggestion in suggestions}


@pytest.mark.parametrize(
    "expected",
    [
        HUBSPOT,
        SALESFORCE,
        SALESFORCE_REPORT,
        SALESFORCE_LEADS,
        FEBRL,
        GERMAN,
        FRENCH,
        SPANISH,
        RUSSIAN,
    ],
)
def test_contact_headers_are_recognised(expected):
    suggestions = suggest(list(expected), [], CONTACT_FIELDS)
    assert fields_of(suggestions) == expected
    assert all(s.confidence >= 0.9 for s in suggestions if s.field)
    assert [s.column for s in suggestions] == list(expected)


@pytest.mark.parametrize("expected", [HUBSPOT_COMPANIES, SALESFORCE_ACCOUNTS])
def test_company_headers_are_recognised(expected):
    assert fields_of(suggest(list(expected), [], COMPANY_FIELDS)) == expected


def test_second_best_column_says_who_took_the_field():
    columns = ["Associated Company", "Company Name", "Lead Status", "Lifecycle Stage"]
    first, second, third, fourth = suggest(columns, [], CONTACT_FIELDS)
    assert (first.field, second.field) == (None, "company.name")
    assert first.reason == "company.name is taken by 'Company Name'"
    assert (third.field, fourth.field) == (None, "lifecycle")


def test_emails_and_phones_may_be_several():
    columns = ["Email", "E-mail 2", "Phone 1", "Phone 2", "Work Email", "City 2"]
    found = fields_of(suggest(columns, [], CONTACT_FIELDS))
    assert list(found.values()) == ["email", "email", "phone", "phone", "email", None]


def test_similar_names():
    found = suggest(["Frist Name", "Surnames", "Postal Codes", "Zodiac"], [], CONTACT_FIELDS)
    assert [s.field for s in found] == ["first_name", "last_name", "address.postal_code", None]
    assert all(0.6 < s.confidence < 0.9 for s in found[:3])


def test_values_speak_where_names_do_not():
    columns = ["column_1", "column_2", "column_3", "column_4", "Favourite number"]
    samples = [
        ["a@example.com", "+49 30 1234567", "1990-01-02", "https://example.com", "7"],
        ["b@example.com", "(030) 765-4321", "1991-01-02", "www.example.com", "123456789"],
        [None, "030/1234567", "1992-01-02", "https://example.org", None],
    ]
    found = suggest(columns, samples, CONTACT_FIELDS)
    assert [s.field for s in found] == ["email", "phone", "birth_date", None, None]
    assert all(s.confidence == 0.5 for s in found[:3])
    assert found[0].reason == "the values look like email"


@pytest.mark.parametrize("value", ["2024-01-02", "192.168.100.200", "12345678", "12-34"])
def test_not_every_number_is_a_telephone(value):
    assert suggest(["Extra"], [[value]], CONTACT_FIELDS)[0].field is None


def test_own_fields_and_determinism():
    fields = {
        "custom.shoe_size": FieldHint("Shoe size", ("Schuhgröße",), "integer"),
        "email": FieldHint("E-mail", (), "email"),
    }
    columns = ["schuhgroesse", "Schuhgröße", "SHOE-SIZE", "E_MAIL", "mail two"]
    samples = [[None, None, None, None, "a@example.com"]]
    first = suggest(columns, samples, fields)
    assert [s.field for s in first] == [None, None, "custom.shoe_size", "email", None]
    assert all(suggest(columns, samples, fields) == first for _ in range(3))


def test_nothing_in_nothing_out():
    assert suggest([], [], CONTACT_FIELDS) == []
    assert suggest(["", "!!!"], [[]], CONTACT_FIELDS)[1].field is None


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("MailingPostalCode", ("mailing", "postal", "code")),
        ("first_name", ("first", "name")),
        ("E-Mail-Adresse", ("e", "mail", "adresse")),
        ("Prénom", ("prenom",)),
        ("Straße", ("strasse",)),
        ("HTTPServer", ("http", "server")),
        ("ДатаРождения", ("дата", "рождения")),
    ],
)
def test_words(name, split):
    assert words(name) == split
    assert folded(name) == "".join(split)


def test_no_alias_stands_for_two_fields():
    for fields in (CONTACT_FIELDS, COMPANY_FIELDS):
        owners: dict[str, str] = {}
        for field, hint in fields.items():
            for alias in {folded(name) for name in (hint.label, *hint.aliases)}:
                assert owners.setdefault(alias, field) == field, alias


def test_febrl_excerpt_is_read_whole():
    path = DATA / "febrl_excerpt.csv"
    fmt = detect(path, path.name)
    rows = list(read_rows(path, fmt))
    assert (fmt.encoding, fmt.delimiter, fmt.header) == ("utf-8", ",", True)
    assert count_rows(path, fmt) == len(rows) == 200
    assert not any(row.error for row in rows)
    assert rows[0].values[:4] == ["rec-223-org", None, "waller", "6"]
    found = fields_of(suggest(fmt.columns, [row.values for row in rows[:100]], CONTACT_FIELDS))
    assert found == {column: FEBRL[column] for column in fmt.columns}
