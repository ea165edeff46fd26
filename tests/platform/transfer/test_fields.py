"""What the columns of real files become, for people and for companies."""

import pytest

COMPANY = {
    "Company name": "Example Works",
    "Company Domain Name": "www.Example.com",
    "Website URL": "https://www.example.com/about",
    "Industry": "Banking & Finance",
    "Number of Employees": "1,200",
    "Annual Revenue": "1.234.567,89",
    "Lifecycle Stage": "Customer",
    "Phone Number": "030 901820",
    "City": "Berlin",
    "Country/Region": "Germany",
    "Tags": "first; second",
    "Parent Company": "Example Holding",
}


async def imported(files, csv_of, row, **options):
    return await files.imported(csv_of(list(row), list(row.values())), **options)


async def test_a_company_with_everything(files, client, worker, csv_of):
    holding = await client.made("companies", {"name": "Example Holding"})
    done = await imported(files, csv_of, COMPANY, entity="company")
    assert done["counts"]["create"] == 1, await files.errors(done["id"])
    (made,) = (await client.read("companies", **{"filter[domains]": "example.com"}))["data"]
    assert made["name"] == "Example Works"
    assert made["website"] == "https://www.example.com/about"
    assert made["industry"] == "banking_finance"
    assert made["employees"] == 1200
    assert (made["annual_revenue"], made["currency"]) == ("1234567.89", "EUR")
    assert made["lifecycle"] == "customer"
    assert made["phone"] == "+4930901820"
    assert (made["addresses"][0]["city"], made["country"]) == ("Berlin", "DE")
    assert made["tags"] == ["first", "second"]
    assert made["parent_id"] == holding["id"]


async def test_a_company_without_a_name_has_that_of_its_domain(files, client, worker, csv_of):
    done = await imported(files, csv_of, {"Company Domain Name": "example.com"}, entity="company")
    assert done["counts"]["create"] == 1
    (made,) = (await client.read("companies"))["data"]
    assert (made["name"], made["domains"]) == ("example.com", ["example.com"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Industry", "…"),
        ("Company Domain Name", "no domain!"),
        ("Website URL", "no address!"),
        ("Lifecycle Stage", "unheard of"),
    ],
)
@pytest.mark.parametrize("entity", ["company", "contact"])
async def test_a_wrong_cell_is_a_mistake_of_its_row(files, worker, csv_of, column, value, entity):
    columns = ["Company Name", "Email", column]
    rows = (["Good", "good@example.com", None], ["Bad", "bad@example.com", value])
    done = await files.imported(csv_of(columns, *rows), entity=entity)
    assert (done["counts"]["create"], done["counts"]["error"]) == (1, 1)
    (fault,) = await files.errors(done["id"])
    assert (fault["row"], fault["column"], fault["value"]) == ("2", column, value)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Person, Sample", ("Sample", None, "Person")),
        ("Sample Middle Person", ("Sample Middle", None, "Person")),
        ("Пример Образец Иванович", ("Образец", "Иванович", "Пример")),
        ("Single", (None, None, "Single")),
    ],
)
async def test_full_names_become_parts(files, client, worker, csv_of, name, parts):
    row = {"Full Name": name, "Email": "person@example.com", "Lifecycle Stage": "Evangelist"}
    done = await imported(files, csv_of, row)
    assert done["counts"]["create"] == 1, await files.errors(done["id"])
    (made,) = (await client.read("contacts"))["data"]
    assert (made["first_name"], made["middle_name"], made["last_name"]) == parts
    assert made["lifecycle"] == "customer"


async def test_known_companies_are_found_by_domain_and_name(files, client, worker, csv_of):
    by_domain = await client.made("companies", {"name": "First", "domains": ["example.com"]})
    by_name = await client.made("companies", {"name": "Second"})
    await imported(
        files,
        csv_of,
        {"Email": "a@example.com", "Company Domain Name": "example.com", "Company Name": "Other"},
    )
    await imported(files, csv_of, {"Email": "b@example.com", "Company Name": "second"})
    people = (await client.read("contacts", sort="email"))["data"]
    assert [row["company_id"] for row in people] == [by_domain["id"], by_name["id"]]
    assert len((await client.read("companies"))["data"]) == 2


async def test_a_wrong_company_is_a_mistake_of_its_row(files, worker, csv_of):
    row = {"Email": "a@example.com", "Company Name": "x" * 300}
    done = await imported(files, csv_of, row)
    assert done["counts"] == {
        "create": 0,
        "update": 0,
        "unchanged": 0,
        "skip": 0,
        "error": 1,
    }
    row = {"Email": "a@example.com", "Company Domain Name": "no domain!"}
    done = await imported(files, csv_of, row)
    assert done["counts"]["error"] == 1
