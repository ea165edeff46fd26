"""What notifications say, in every language."""

from collections.abc import Mapping
from typing import Any

# By kind or, more exactly, by the type of event.
_TITLES: Mapping[str, dict[str, str]] = {
    "en": {
        "mention": "{actor} mentioned you in a comment on {record}",
        "comment": "{actor} commented on {record}",
        "assigned": "{record} is yours now, by {actor}",
        "assigned.many": "{count} records are yours now, by {actor}",
        "shared": "{actor} shared {record} with you",
        "shared.many": "{actor} shared {count} records with you",
        "changed": "{actor} changed {record}",
        "deleted": "{actor} put {record} in the bin",
        "restored": "{actor} took {record} out of the bin",
        "approval": "{record} waits for your approval",
        "approval.escalated": "You are to decide on {record}, as nobody has yet",
        "approval.approved": "{record} was approved, by {actor}",
        "approval.rejected": "{record} was not approved, by {actor}",
        "approval.expired": "Nobody decided on {record} in time",
        "approval.voided": "{record} was changed, so that its approval does not hold any more",
        "work_ended": "Your work has ended: {record}",
        "import.completed": "Your import has ended: {record}",
        "import.failed": "Your import has failed: {record}",
        "import.cancelled": "Your import was cancelled: {record}",
        "import.reverted": "Your import was taken back: {record}",
        "export.completed": "Your export is ready: {record}",
        "job_failed": "Work in the background has failed: {job}",
        "webhook.failing": "A webhook fails: {record}",
        "webhook.disabled": "A webhook was disabled: {record}",
        "login_blocked": "Too many failed attempts to log in as you",
        "notice": "A rule has something to tell about {record}",
        "times": "{title} ({count} times)",
        "nobody": "Somebody",
        "system": "The system",
        "nothing": "a record",
    },
    "de": {
        "mention": "{actor} hat Sie in einem Kommentar zu {record} erwähnt",
        "comment": "{actor} hat {record} kommentiert",
        "assigned": "{record} gehört jetzt Ihnen, durch {actor}",
        "assigned.many": "{count} Datensätze gehören jetzt Ihnen, durch {actor}",
        "shared": "{actor} hat {record} mit Ihnen geteilt",
        "shared.many": "{actor} hat {count} Datensätze mit Ihnen geteilt",
        "changed": "{actor} hat {record} geändert",
        "deleted": "{actor} hat {record} in den Papierkorb gelegt",
        "restored": "{actor} hat {record} aus dem Papierkorb geholt",
        "approval": "{record} wartet auf Ihre Genehmigung",
        "approval.escalated": "Sie sollen über {record} entscheiden, weil es noch niemand getan hat",
        "approval.approved": "{record} wurde genehmigt, durch {actor}",
        "approval.rejected": "{record} wurde nicht genehmigt, durch {actor}",
        "approval.expired": "Über {record} hat niemand rechtzeitig entschieden",
        "approval.voided": "{record} wurde geändert; die Genehmigung gilt nicht mehr",
        "work_ended": "Ihre Arbeit ist beendet: {record}",
        "import.completed": "Ihr Import ist beendet: {record}",
        "import.failed": "Ihr Import ist gescheitert: {record}",
        "import.cancelled": "Ihr Import wurde abgebrochen: {record}",
        "import.reverted": "Ihr Import wurde zurückgenommen: {record}",
        "export.completed": "Ihr Export ist fertig: {record}",
        "job_failed": "Arbeit im Hintergrund ist gescheitert: {job}",
        "webhook.failing": "Ein Webhook schlägt fehl: {record}",
        "webhook.disabled": "Ein Webhook wurde abgeschaltet: {record}",
        "login_blocked": "Zu viele gescheiterte Versuche, sich als Sie anzumelden",
        "notice": "Eine Regel hat etwas zu {record} mitzuteilen",
        "times": "{title} ({count}-mal)",
        "nobody": "Jemand",
        "system": "Das System",
        "nothing": "einen Datensatz",
    },
    "ru": {
        "mention": "{actor}: вас упомянули в комментарии к записи {record}",
        "comment": "{actor}: новый комментарий к записи {record}",
        "assigned": "{actor}: запись {record} передана вам",
        "assigned.many": "{actor}: вам передано записей: {count}",
        "shared": "{actor}: запись {record} открыта для вас",
        "shared.many": "{actor}: для вас открыто записей: {count}",
        "changed": "{actor}: запись {record} изменена",
        "deleted": "{actor}: запись {record} перемещена в корзину",
        "restored": "{actor}: запись {record} возвращена из корзины",
        "approval": "запись {record} ждёт вашего согласования",
        "approval.escalated": "решение по записи {record} передано вам: никто его ещё не принял",
        "approval.approved": "{actor}: запись {record} согласована",
        "approval.rejected": "{actor}: запись {record} не согласована",
        "approval.expired": "по записи {record} никто не решил вовремя",
        "approval.voided": "запись {record} изменена, согласование больше не действует",
        "work_ended": "Ваша работа завершена: {record}",
        "import.completed": "Ваш импорт завершён: {record}",
        "import.failed": "Ваш импорт не удался: {record}",
        "import.cancelled": "Ваш импорт прерван: {record}",
        "import.reverted": "Ваш импорт отменён: {record}",
        "export.completed": "Ваш экспорт готов: {record}",
        "job_failed": "Фоновая работа не удалась: {job}",
        "webhook.failing": "Вебхук не отвечает: {record}",
        "webhook.disabled": "Вебхук отключён: {record}",
        "login_blocked": "Слишком много неудачных попыток войти под вашим именем",
        "notice": "Сообщение правила о записи {record}",
        "times": "{title} ({count} раз)",
        "nobody": "Кто-то",
        "system": "Система",
        "nothing": "(без названия)",
    },
}


def add_titles(titles: Mapping[str, Mapping[str, str]]) -> None:
    """Have events of these types be told by words of their own, in each language."""
    for type, texts in titles.items():
        for language, known in _TITLES.items():
            known[type] = texts[language]


def title_of(
    notification: Mapping[str, Any],
    language: str,
    *,
    record: str | None,
    actor: str | None,
    job: str | None = None,
    count: int | None = None,
    is_many: bool = False,
) -> str:
    """What a notification says in one line; of many records that it is about, how many."""
    texts = _TITLES[language]
    number = count or notification["count"]
    key = next(name for name in _names(notification, is_many=is_many) if name in texts)
    stranger = "system" if notification["actor_kind"] == "system" else "nobody"
    said = texts[key].format(
        actor=actor or texts[stranger],
        record=record or texts["nothing"],
        job=job or "?",
        count=number,
    )
    said = said[:1].upper() + said[1:]
    is_counted = number > 1 and not is_many
    return texts["times"].format(title=said, count=number) if is_counted else said


def _names(notification: Mapping[str, Any], *, is_many: bool) -> tuple[str, ...]:
    """By what its words are found, the most exact first."""
    kind = notification["kind"]
    many = (f"{kind}.many",) if is_many else ()
    return (*many, notification["type"], _verb(notification), kind, "changed")


def _verb(notification: Mapping[str, Any]) -> str:
    """Of a change the verb, where it has words of its own."""
    verb = notification["type"].partition(".")[2]
    return verb if notification["kind"] == "changed" and verb in {"deleted", "restored"} else ""
