"""The sentences of briefs, in the languages that the product writes to people in.

Each says how many and names some, so that none has to agree with a number.
"""

from collections.abc import Mapping

PHRASES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "who": "{name}{detail}.",
        "stated": "{key}: {value} (stated)",
        "observed": "{key}: {value} (observed)",
        "inferred": "{key}: {value} (inferred)",
        "preferences": "Preferences: {items}.",
        "expectations": "Open expectations: {count} ({items}).",
        "last_contact": "Last contact: {day}, {topic}, {name}.",
        "no_contact": "No contact is on record.",
        "health": "Health: {score}; weakest: {reason} ({count}).",
        "health_unknown": "Health: too little is known.",
        "section": "{title}: {count} ({items}).",
    },
    "de": {
        "who": "{name}{detail}.",
        "stated": "{key}: {value} (gesagt)",
        "observed": "{key}: {value} (beobachtet)",
        "inferred": "{key}: {value} (vermutet)",
        "preferences": "Vorlieben: {items}.",
        "expectations": "Offene Erwartungen: {count} ({items}).",
        "last_contact": "Letzter Kontakt: {day}, {topic}, {name}.",
        "no_contact": "Kein Kontakt ist verzeichnet.",
        "health": "Zustand der Beziehung: {score}; am schwächsten: {reason} ({count}).",
        "health_unknown": "Zustand der Beziehung: zu wenig ist bekannt.",
        "section": "{title}: {count} ({items}).",
    },
    "ru": {
        "who": "{name}{detail}.",
        "stated": "{key}: {value} (со слов клиента)",
        "observed": "{key}: {value} (по наблюдениям)",
        "inferred": "{key}: {value} (предположение)",
        "preferences": "Предпочтения: {items}.",
        "expectations": "Открытые ожидания: {count} ({items}).",
        "last_contact": "Последний контакт: {day}, {topic}, {name}.",
        "no_contact": "Контактов пока не записано.",
        "health": "Состояние отношений: {score}; слабое место: {reason} ({count}).",
        "health_unknown": "Состояние отношений: данных слишком мало.",
        "section": "{title}: {count} ({items}).",
    },
}
TITLES: Mapping[str, Mapping[str, str]] = {
    "open_deals": {"en": "Open deals", "de": "Offene Verkaufschancen", "ru": "Открытые сделки"},
    "open_quotes": {"en": "Open quotes", "de": "Offene Angebote", "ru": "Открытые предложения"},
    "open_orders": {"en": "Open orders", "de": "Offene Aufträge", "ru": "Открытые заказы"},
    "open_projects": {"en": "Open projects", "de": "Offene Projekte", "ru": "Открытые проекты"},
    "late_deliverables": {
        "en": "Overdue deliverables",
        "de": "Überfällige Lieferungen",
        "ru": "Просроченные поставки",
    },
    "contracts": {"en": "Contracts", "de": "Verträge", "ru": "Договоры"},
    "open_cases": {"en": "Open cases", "de": "Offene Anfragen", "ru": "Открытые обращения"},
    "open_tasks": {"en": "Open tasks", "de": "Offene Aufgaben", "ru": "Открытые задачи"},
    "commitments": {"en": "Promises", "de": "Zusagen", "ru": "Обещания"},
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "channel": {"de": "Kanal", "ru": "канал"},
    "time": {"de": "Zeit", "ru": "время"},
    "language": {"de": "Sprache", "ru": "язык"},
    "topic": {"de": "Thema", "ru": "тема"},
    "product": {"de": "Produkt", "ru": "продукт"},
    "tone": {"de": "Ton", "ru": "тон"},
    "frequency": {"de": "Häufigkeit", "ru": "частота"},
    "other": {"de": "Sonstiges", "ru": "прочее"},
    "last_contact_days": {
        "en": "days since the last contact",
        "de": "Tage seit dem letzten Kontakt",
        "ru": "дней с последнего контакта",
    },
    "known_people": {
        "en": "people in contact",
        "de": "Personen in Kontakt",
        "ru": "человек на связи",
    },
    "late_deliverables": {
        "en": "overdue deliverables",
        "de": "überfällige Lieferungen",
        "ru": "просроченных поставок",
    },
    "unbilled": {
        "en": "billing long due",
        "de": "lange fällige Abrechnungen",
        "ru": "давно не выставленных счетов",
    },
    "open_cases": {"en": "open cases", "de": "offene Anfragen", "ru": "открытых обращений"},
    "escalated_cases": {
        "en": "escalated cases",
        "de": "eskalierte Anfragen",
        "ru": "эскалированных обращений",
    },
}


def word(key: str, language: str) -> str:
    """A key in the words of a language, or as it is."""
    return WORDS.get(key, {}).get(language) or key.replace("_", " ")
