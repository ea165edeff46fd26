"""Dictionary order without a collation, and search words for any usual spelling."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.values.names import fold, query_words, search_words, sort_key

ANY_TEXT = st.text(st.characters(exclude_categories=()))
NAMES = st.text("aAäÄoøßŁz'-. 09еёЁийїіґўщяΩか\u0308\u0301", max_size=12)

RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
UKRAINIAN = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"
BELARUSIAN = "абвгдеёжзійклмнопрстуўфхцчшыьэюя"
SERBIAN = "абвгдђежзијклљмнњопрстћуфхцчџш"


@pytest.mark.parametrize("alphabet", [RUSSIAN, UKRAINIAN, BELARUSIAN, SERBIAN])
def test_each_alphabet_keeps_its_order(alphabet):
    words = [f"{letter}а" for letter in alphabet if letter != "ё"]
    assert sorted(random.sample(words, len(words)), key=sort_key) == words
    capitals = [word.upper() for word in words]
    assert sorted(random.sample(capitals, len(capitals)), key=sort_key) == capitals


@pytest.mark.parametrize(
    "expected",
    [
        ["Егоров", "Елкин", "Ёлкин", "Елкина", "Ельцин", "Жуков"],
        ["Ивлев", "Ишаков", "Июль", "Йодль", "Йошин", "Каганов"],
        [
            "Гнатюк",
            "Гуляй",
            "Ґалаґан",
            "Ґонта",
            "Дорош",
            "Єва",
            "Иван",
            "Іваненко",
            "Їжак",
            "Йосип",
        ],
        ["Гримм", "Мамин", "Маминов", "Мамин-Сибиряк", "Маминьш"],
        ["Mader", "Mäder", "Muller", "Müller", "Müllner", "Munz", "Oster", "Öster", "Ostertag"],
        ["Strasse", "Straße", "Strasser"],
        ["Aebi", "Æbi", "Aeby", "Łącki", "Lada", "Østby", "Ostrow"],
        ["Obermann", "OBrien", "O'Brien", "O’Brien", "Obst"],
        ["Ann", "Ann Lee", "Anna", "Anne Marie", "Annemarie", "Anne-Marie"],
        ["", "3M", "42 Street", "Abc", "Zeta", "Ωmega", "Абв", "Яшин", "北京"],
        ["Дем", "Дем'яненко", "Демянюк"],
    ],
)
def test_lists_are_in_dictionary_order(expected):
    shuffled = random.sample(expected, len(expected))
    assert sorted(shuffled, key=sort_key) == expected


def test_composed_and_decomposed_letters_are_equal():
    assert sort_key("Йод") == sort_key("И\u0306од")
    assert sort_key("Müller") == sort_key("Mu\u0308ller")


def test_a_plain_name_is_its_own_key():
    assert sort_key("John  Smith") == sort_key(" john smith ") == "john smith"
    assert sort_key("O'Brien") == "obrien\x01o'brien"
    assert sort_key("１２ Ⅷ") == "12 viii\x01１２ ⅷ"


@given(ANY_TEXT)
@settings(deadline=None)
def test_a_key_is_bounded(text):
    assert len(sort_key(text * 30)) <= 200


@given(NAMES, NAMES)
@settings(deadline=None)
def test_equal_keys_mean_equal_names(one, other):
    if sort_key(one) == sort_key(other):
        assert fold(one) == fold(other)


@given(NAMES)
@settings(deadline=None)
def test_case_and_blanks_around_do_not_matter(text):
    assert sort_key(f"  {text} ") == sort_key(text)
    assert sort_key(text.lower()) == sort_key(text)


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
        indexed = set(search_words(stored))
        for typed in spellings:
            [alternatives] = query_words(typed)
            assert indexed & set(alternatives), (stored, typed)


def test_what_is_indexed():
    assert search_words("Щербакова") == ["shcherbakova", "sherbakova", "щербакова"]
    assert search_words("Łódź", None, "", "lodz, Łódź!") == ["lodz"]
    assert search_words("Smith-Jones jo_e@x.org") == sorted(
        ["e", "jo", "jones", "org", "smith", "x"]
    )
    assert search_words("O'Neil") == ["neil", "o", "oneil"]
    assert search_words("'quoted'", "''", "...") == ["quoted"]
    assert search_words() == []


def test_what_is_searched():
    assert query_words("Anna Щербакова anna") == [
        ["anna"],
        ["щербакова", "shcherbakova", "sherbakova"],
    ]
    assert query_words("O'Brien") == [["obrien", "obren"]]
    assert query_words(" ' ! ") == []


def test_limits_hold():
    words = search_words(" ".join(f"word{n}" for n in range(500)))
    assert len(words) == 64
    assert search_words("a" * 100) == query_words("A" * 100)[0] == ["a" * 60]
    assert all(len(word) <= 60 for word in search_words("щ" * 100))


@given(ANY_TEXT)
@settings(deadline=None)
def test_search_words_are_bounded_and_safe(text):
    words = search_words(text, None, text + " more")
    assert words == sorted(set(words))
    assert len(words) <= 64
    for word in words:
        assert 0 < len(word) <= 60
        assert not set(word) & set("'\"\\ \t\n\0")


@given(ANY_TEXT.map(lambda text: text[:30]))
@settings(deadline=None)
def test_a_text_is_found_by_itself(text):
    indexed = set(search_words(text))
    for alternatives in query_words(text):
        assert indexed & set(alternatives)


def test_fold_joins_words():
    assert fold("  Côte   d’Ivoire! ") == "cote divoire"


def test_a_hostile_text_is_quick():
    started = time.perf_counter()
    for text in ("a'" * 50_000, "sch" * 50_000, "\u0301" * 50_000, " " * 50_000, "й" * 50_000):
        sort_key(text)
        search_words(text)
        query_words(text)
    assert time.perf_counter() - started < 1
