"""The words of a text, and what of a typed text must be among them."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crm_api.kit.values.words import Asked, ask, index_words

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def holds(indexed, asked):
    """Whether these words answer what is asked, whole words or their beginnings."""
    words = {word[1:] for word in indexed}

    def has(part, whole):
        return part in words if whole else any(word.startswith(part) for word in words)

    return all(
        any(all(has(part, len(parts) > 1) for part in parts) for parts in one.alternatives)
        for one in asked
    )


@pytest.mark.parametrize(
    "spellings",
    [
        ["Щербакова", "Shcherbakova", "Scherbakova", "ЩЕРБАКОВА"],
        ["Müller", "Mueller", "Muller"],
        ["Ёлкин", "Елкин", "Elkin", "Yolkin"],
        ["Юрий", "Yuri", "Yury", "Yuriy", "Iurii", "Jurij"],
        ["Чайковский", "Chaykovskiy", "Tchaikovsky", "Tschaikowski"],
        ["Наталья", "Natalya", "Natal'ya", "Natalia", "Natalija"],
        ["Васильев", "Vasilyev", "Vasiliev", "Vasilev"],
        ["Дмитриев", "Dmitriev", "Dmitriyev"],
        ["Хабаров", "Khabarov", "Habarov"],
        ["Сергей", "Sergey", "Sergei", "Sergej"],
        ["Цой", "Tsoy", "Tsoi"],
        ["Александр", "Aleksandr", "Alexandr"],
        ["Łódź", "Lodz", "ŁÓDŹ"],
        ["O'Brien", "OBrien", "O’Brien", "O`Brien"],
        ["北京", "BeiJing"],
    ],
)
def test_every_spelling_finds_every_other(spellings):
    for stored in spellings:
        for typed in spellings:
            assert holds(index_words([stored]), ask(typed)), (stored, typed)
            # Whole words need their merged spelling alone.
            whole = {word for one in ask(typed) for (word,) in one.whole}
            named = {word[1:] for word in index_words([stored]) if word[0] == "a"}
            assert whole & named, (stored, typed)


@pytest.mark.parametrize(
    ("names", "others", "words"),
    [
        (["Щербакова"], [], {"bщербакова", "bshcherbakova", "asherbakova"}),
        (["Łódź", "", "lodz, Łódź!"], [], {"alodz"}),
        (["Smith-Jones"], ["smith"], {"asmith", "ajones"}),
        (["O'Neil"], [], {"aoneil", "bo", "bneil"}),
        (["'quoted'", "''", "..."], [], {"aquoted"}),
        (
            ["Jo"],
            ["jo.smith@mail.acme.co.uk"],
            {"ajo", "dsmith", "dmail.acme.co.uk", "dacme.co.uk", "dco.uk"}
            | {"dmail", "dacme", "dco"},
        ),
        ([], ["acme.example"], {"dacme.example", "dacme"}),
        ([], ["+4930231125", "+12125550123;ext=7"],
         {"d4930231125", "d30231125", "d~5211320394"}
         | {"d12125550123", "d2125550123", "d~32105552121"}),
        ([], ["CRM-00151/a"], {"dcrm", "d00151", "da"}),
        ([], [], set()),
    ],
)  # fmt: skip
def test_what_is_indexed(names, others, words):
    assert set(index_words(names, others)) == words


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Anna anna", [[("anna",)]]),
        ("Щербакова", [[("щербакова",), ("shcherbakova",), ("sherbakova",)]]),
        ("O'Brien", [[("obrien",), ("obren",)]]),
        (" ' ! ", []),
        ("+49 30 231", [[("4930231",), ("~1320394",), ("49", "30", "231")]]),
        ("030231", [[("030231",), ("30231",), ("~132030",)]]),
        ("0049 30", [[("004930",), ("4930",), ("~039400",), ("0049", "30")]]),
        ("66", [[("66",)]]),
        ("acme.exam", [[("acme.exam",), ("acme", "exam")]]),
        ("@acme.exam", [[("acme.exam",)]]),
        ("smith@acme.exam", [[("smith",)], [("acme.exam",)]]),
        ("3M 12.5", [[("12.5"[:2] + "5",), ("12", "5")], [("3m",)]]),
    ],
)
def test_what_is_asked(text, asked):
    assert [list(one.alternatives) for one in ask(text, "DE")] == asked


def test_a_national_number_is_read_as_its_country_writes_it():
    (russian,) = ask("8 (916) 123", "RU")
    assert ("916123",) in russian.alternatives
    assert holds(index_words([], ["+79161234567"]), [russian])
    (american,) = ask("1 212 555", "US")
    assert ("212555",) in american.alternatives


def test_only_words_of_some_letters_are_thought_mistyped():
    likes = [one.likes for one in ask("Ann Müller 4930 x1y2z3")]
    assert likes == [(), (), ("muller",), ()] or set(likes) == {(), ("muller",)}


def test_limits_hold():
    assert len(index_words([" ".join(f"word{n}" for n in range(500))])) == 64
    assert index_words(["a" * 100]) == ["a" + "a" * 60]
    assert ask("A" * 100) == [Asked((("a" * 60,),), ("a" * 60,))]
    assert len(ask("one two three four five six seven eight nine ten eleven twelve more")) == 12


@given(ANY_TEXT)
@settings(deadline=None)
def test_words_are_bounded_and_safe(text):
    words = index_words([text, text + " more"], [text, f"+{text}", f"{text}@{text}.example"])
    assert len(words) <= 64
    assert len(set(words)) == len(words)
    asked = [part for one in ask(text) for parts in one.alternatives for part in parts]
    for word in [word[1:] for word in words] + asked:
        assert 0 < len(word) <= 201
        assert not set(word) & set("'\"\\ \t\n\0:*&|!()")


@example("\N{AHOM DIGIT ZERO}")
@example("٠١٢٣٤٥٦٧")
@given(ANY_TEXT.map(lambda text: text[:30]))
@settings(deadline=None)
def test_a_text_is_found_by_itself(text):
    assert holds(index_words([text]), ask(text))
    assert holds(index_words([], [text]), ask(text))


def test_a_hostile_text_is_quick():
    started = time.process_time()
    for text in ("a'" * 50_000, "sch" * 50_000, "\u0301" * 50_000, "1 " * 50_000, "a.b@" * 50_000):
        index_words([text], [text])
        ask(text)
    assert time.process_time() - started < 2
