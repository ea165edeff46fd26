"""Made-up names of several languages, some frequent and most rare, with the words of a search."""

from crm_api.kit.values.names import forms_of, sort_key
from crm_api.kit.values.words import index_words

FIRST = [
    "Anna",
    "Maria",
    "Peter",
    "Michael",
    "Thomas",
    "Andreas",
    "Stefan",
    "Christian",
    "Sabine",
    "Julia",
    "Laura",
    "Jan",
    "Martin",
    "Frank",
    "Jürgen",
    "Günter",
    "Jörg",
    "Käthe",
    "Zoë",
    "René",
    "James",
    "Mary",
    "Robert",
    "Patricia",
    "John",
    "Jennifer",
    "Linda",
    "David",
    "Elizabeth",
    "William",
    "Barbara",
    "Richard",
    "Susan",
    "Joseph",
    "Jessica",
    "Charles",
    "Sarah",
    "Karen",
    "Nancy",
    "Daniel",
    "Анна",
    "Мария",
    "Елена",
    "Ольга",
    "Наталья",
    "Татьяна",
    "Ирина",
    "Светлана",
    "Юлия",
    "Екатерина",
    "Александр",
    "Сергей",
    "Дмитрий",
    "Андрей",
    "Алексей",
    "Евгений",
    "Михаил",
    "Иван",
    "Николай",
    "Владимир",
    "Юрий",
    "Фёдор",
    "Пётр",
    "Артём",
]
_LATIN = (
    [
        "b",
        "br",
        "d",
        "f",
        "fr",
        "g",
        "gr",
        "h",
        "k",
        "kl",
        "l",
        "m",
        "n",
        "p",
        "r",
        "s",
        "sch",
        "st",
        "t",
        "v",
        "w",
        "z",
    ],
    ["a", "e", "i", "o", "u", "au", "ei", "ü", "ö"],
    ["n", "r", "l", "m", "s", "t", "ck", "ng", "rt", "ll", "nn", "tz", "ch"],
    ["er", "mann", "son", "berg", "stein", "feld", "ert", "ler", "ing", "ford", "ton", "ow"],
)
_CYRILLIC = (
    [
        "б",
        "в",
        "г",
        "д",
        "ж",
        "з",
        "к",
        "л",
        "м",
        "н",
        "п",
        "р",
        "с",
        "т",
        "ф",
        "х",
        "ц",
        "ч",
        "ш",
        "щ",
    ],
    ["а", "е", "и", "о", "у", "я", "ю", "ё"],
    ["б", "в", "г", "д", "ж", "з", "к", "л", "м", "н", "п", "р", "т", "х", "ч", "ш"],
    ["ов", "ин", "ев", "ский", "енко", "ова", "ина", "ева", "ская", "чук"],
)


def last_names() -> list[str]:
    """Every name once, in an order that mixes the alphabets."""
    made = [
        "".join(parts).capitalize()
        for begin, middle, end, last in (_LATIN, _CYRILLIC)
        for parts in _mixed(begin, middle, end, last)
    ]
    made = list(dict.fromkeys(made))
    # A step that is prime to the number of names visits each of them once.
    return [made[n * 7919 % len(made)] for n in range(len(made))]


def _mixed(
    begin: list[str], middle: list[str], end: list[str], last: list[str]
) -> list[tuple[str, ...]]:
    return [(b, m, e, x) for x in last for e in end for m in middle for b in begin]


def latin(name: str) -> str:
    """The name as it stands in an e-mail address."""
    forms = forms_of(name.lower())
    return next(form for form in forms if form.isascii())


def columns(names: list[str]) -> tuple[list[str], list[str], list[str], list[str]]:
    """For each name itself, its sort key, its Latin spelling and its search words."""
    return (
        names,
        [sort_key(name).partition("\x01")[0] for name in names],
        [latin(name) for name in names],
        [" ".join(index_words([name])) for name in names],
    )
