"""Files of published rates: what is read, and that every mistake is named by its line."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from crm_api.platform.exchange.reading import Published, UnreadableRates, read_rates
from crm_api.platform.exchange.sources import FileRates

TODAY = date(2026, 3, 10)
ECB = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
    xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <Cube>
    <Cube time='2026-03-10'>
      <Cube currency='USD' rate='1.0842'/>
      <Cube currency='JPY' rate='161.53'/>
    </Cube>
    <Cube time='2026-03-09'>
      <Cube currency='USD' rate='1.0831'/>
      <Cube currency='SIT' rate='239.64'/>
    </Cube>
  </Cube>
</gesmes:Envelope>
"""
HEAD = "day,base,quote,rate\n"


def read(text):
    return read_rates(text if isinstance(text, bytes) else text.encode(), TODAY)


def mistakes(text):
    with pytest.raises(UnreadableRates) as caught:
        read(text)
    assert caught.value.own_code == "unreadable_rates"
    return caught.value.detail


def test_a_table_of_the_ecb_is_read():
    found = read(ECB)
    assert found.source == "ECB"
    assert found.rates == [
        Published("EUR", "USD", date(2026, 3, 10), Decimal("1.0842")),
        Published("EUR", "JPY", date(2026, 3, 10), Decimal("161.53")),
        Published("EUR", "USD", date(2026, 3, 9), Decimal("1.0831")),
        Published("EUR", "SIT", date(2026, 3, 9), Decimal("239.64")),
    ]


def test_a_plain_table_is_read_whatever_ends_its_lines():
    rows = "2026-03-09,USD,CHF,0.881\r\n2026-03-11,EUR,USD,1.1\r\n"
    found = read("\ufeff" + HEAD.replace("\n", "\r\n") + rows)
    assert found.source == "file"
    assert found.rates == [
        Published("USD", "CHF", date(2026, 3, 9), Decimal("0.881")),
        # In the east it is a day later already.
        Published("EUR", "USD", date(2026, 3, 11), Decimal("1.1")),
    ]


@pytest.mark.parametrize(
    ("rows", "line", "what"),
    [
        ("2026-03-09,EUR,USD,1,1\n", 2, "5 values instead of 4."),
        ("2026-03-09,EUR,USD\n", 2, "3 values instead of 4."),
        ("\n2026-03-09,EUR,USD,1\n", 2, "0 values instead of 4."),
        ("2026-03-09,EUR,USD,1\n09.03.2026,EUR,USD,1\n", 3, "Not a day such as 2026-03-31"),
        ("2026-W10,EUR,USD,1\n", 2, "Not a day such as"),
        ("2026-02-30,EUR,USD,1\n", 2, "There is no such day: 2026-02-30."),
        ("2026-03-12,EUR,USD,1\n", 2, "The day is still to come: 2026-03-12."),
        ("2026-03-09,EUR,EUR,1\n", 2, "A rate is between two currencies."),
        ("2026-03-09,EUR,usd,1\n", 2, "Not an ISO 4217 code: 'usd'."),
        ("2026-03-09,EUR,$,1\n", 2, "4217"),
        ("2026-03-09,EUR,XYZ,1\n", 2, "4217"),
        ("2026-03-09,EUR,USD,-1\n", 2, "Not a rate such as 1.0842: '-1'."),
        ("2026-03-09,EUR,USD,0.0\n", 2, "Not a rate such as"),
        ('2026-03-09,EUR,USD,"1,08"\n', 2, "Not a rate such as"),
        ("2026-03-09,EUR,USD,1e3\n", 2, "Not a rate such as"),
        ("2026-03-09,EUR,USD,NaN\n", 2, "Not a rate such as"),
        ("2026-03-09,EUR,USD,٣\n", 2, "Not a rate such as"),
        ("2026-03-09,EUR,USD,1.0000000000001\n", 2, "Not a rate such as"),
        ("2026-03-09,EUR,USD,\n", 2, "Not a rate such as"),
        ("2026-03-09,EUR,USD,1\n2026-03-09,EUR,USD,1\n", 3, "The same pair and day as in line 2."),
        ('2026-03-09,EUR,USD,"1\n', 2, "It is no CSV"),
    ],
)
def test_each_mistake_of_a_table_is_named_by_its_line(rows, line, what):
    found = mistakes(HEAD + rows)
    assert found.startswith(f"line {line}: "), found
    assert what in found


def test_whatever_is_no_table_of_rates_is_refused():
    assert mistakes("") == "line 1: There are no rates in it."
    assert mistakes(HEAD) == "line 1: There are no rates in it."
    assert mistakes("Date,USD,JPY\n2026-03-09,1,1\n").startswith("line 1: The first line is not ")
    assert mistakes(HEAD.encode() + b"2026-03-09,EUR,USD,\xff\n") == "line 2: It is not UTF-8."
    many = mistakes(HEAD + "x\n" * 30)
    assert many.count("line ") == 20
    assert many.endswith("and 10 more")


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("rate='161.53'", "rate='161,53'", 8, "Not a rate such as"),
        ("currency='JPY'", "currency='USD'", 8, "The same pair and day as in line 7."),
        ("currency='JPY' ", "", 8, "A Cube has a time, or a currency and a rate."),
        ("time='2026-03-09'", "time='9 March'", 11, "Not a day such as"),
        ("</Cube>\n  </Cube>", "</Cube>", 14, "It is no XML: mismatched tag."),
        ("<?xml version", "<!-- -->\n<?xml version", 2, "It is no XML"),
    ],
)
def test_each_mistake_of_an_xml_is_named_by_its_line(old, new, line, what):
    found = mistakes(ECB.replace(old, new, 1))
    assert f"line {line}: " in found, found
    assert what in found


def test_xml_brings_no_entities_and_is_of_the_ecb():
    bomb = '<!DOCTYPE x [<!ENTITY a "b">]>\n' + ECB.split("\n", 1)[1]
    assert mistakes(bomb) == "line 1: A table of rates has no DOCTYPE."
    assert mistakes("<rates/>") == "line 1: There are no rates in it."


@pytest.mark.parametrize("name", ["unknown", "shift_jis", "hex", "utf-16"])
def test_xml_is_utf_8_whatever_it_says(name):
    assert read(ECB.replace("UTF-8", name)).rates == read(ECB).rates
    assert "line 7: It is no XML" in mistakes(
        ECB.replace("UTF-8", name).encode().replace(b"USD", b"\xff")
    )


async def test_no_more_is_read_than_rates_may_have():
    with pytest.raises(UnreadableRates, match="more than"):
        await FileRates(Path("/dev/zero")).rates()
