"""How letters leave: by SMTP, into a directory in development, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

from aiosmtplib.email import parse_address

from crm_api.kit import clock
from crm_api.kit.errors import CrmError, Unavailable, WrongState
from crm_api.kit.outbox import put
from crm_api.kit.smtp import LetterRefused, Line, NotEnded

# As long as RFC 5322 lets lines be: what is encoded to be folded, programs do not read as a link.
_POLICY = default.clone(max_line_length=998)
_WIRE = SMTP.clone(max_line_length=998, cte_type="7bit")


@dataclass(frozen=True)
class Enclosed:
    """A file that goes with a letter."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Letter:
    """A text for one person."""

    id: str
    """The same for each try, so that mailboxes recognise a second copy."""
    to: str
    subject: str
    text: str
    html: str | None = None
    """The same in HTML, for those who prefer it."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    sender: str | None = None
    """Whom it is from, where that is not the service."""
    message_id: str | None = None
    """What it goes by, without brackets, where that is known already."""
    is_automatic: bool = True
    """False for what a person has written."""
    calendar: tuple[str, bytes] | None = None
    """What calendars read of it (RFC 6047): the method and the iCalendar document."""
    files: Sequence[Enclosed] = ()
    """What goes with it."""


class Unsure(Unavailable):
    """The mail server was lost while it had the letter: it has taken it, or has not."""


class Mailer(Protocol):
    """A way out."""

    async def send(self, letter: Letter) -> bool:
        """Hand a letter on; False where there is no way.

        Raises `Unsure` where it may have left; whatever else is raised, it has not, and of that
        `Unavailable` to try again.
        """
        ...


class NoMailer:
    """Keeps letters from leaving where no way is set up."""

    async def send(self, letter: Letter) -> bool:
        """Nothing."""
        del letter
        return False


@dataclass(frozen=True)
class FileMailer:
    """Writes letters as `.eml` files, which mail programs open."""

    directory: Path
    sender: str

    async def send(self, letter: Letter) -> bool:
        """A file that its owner alone reads: letters hold tokens."""
        data = message_of(letter, self.sender).as_bytes()
        await put(self.directory, f"{letter.id}.eml", data)
        return True


@dataclass(frozen=True)
class SmtpMailer:
    """Hands letters to a mail server, encrypted unless it is on this machine."""

    url: str
    """`smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`."""
    sender: str

    async def send(self, letter: Letter) -> bool:
        """Once the server has taken it."""
        # Written here: the library would fold links.
        data = message_of(letter, self.sender).as_bytes(policy=_WIRE)
        # Reports of what does not arrive go back there.
        sender, to = parse_address(letter.sender or self.sender), parse_address(letter.to)
        line = await Line.open(self.url)
        try:
            await line.begin(sender, to, data)
            await _ended(line)
            await line.quit()
        except LetterRefused as error:
            raise _refused(error.reply) from None
        finally:
            line.end()
        return True


async def _ended(line: Line) -> None:
    """Send the end of a letter, from which on nobody but the server knows whether it has it."""
    line.finish()
    try:
        await line.taken()
    except (LetterRefused, NotEnded):
        raise
    except Exception as error:
        raise Unsure("The mail server was lost.", code="mail_unavailable") from error


def new_mailer(smtp_url: str | None, outbox: Path | None, sender: str) -> Mailer:
    """The way that the settings say."""
    if smtp_url is not None:
        return SmtpMailer(smtp_url, sender)
    return NoMailer() if outbox is None else FileMailer(outbox, sender)


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """A letter in the form of RFC 5322."""
    made = EmailMessage(_POLICY)
    made["From"], made["To"] = letter.sender or sender, letter.to
    made["Subject"] = " ".join(letter.subject.split())
    made["Date"] = format_datetime(clock.now())
    own_id = f"{letter.id}@{sender.rpartition('@')[2].rstrip('>')}"
    made["Message-ID"] = f"<{letter.message_id or own_id}>"
    if letter.is_automatic:
        # No answers from machines (RFC 3834).
        made["Auto-Submitted"] = "auto-generated"
    for name, value in letter.headers.items():
        made[name] = value
    made.set_content(letter.text)
    if letter.html is not None:
        made.add_alternative(letter.html, subtype="html")
    if letter.calendar is not None:
        method, document = letter.calendar
        told = {"charset": "utf-8", "method": method, "component": "VEVENT"}
        made.add_alternative(document, maintype="text", subtype="calendar", params=told)
    for file in letter.files:
        main, _, sub = file.media_type.partition(";")[0].partition("/")
        made.add_attachment(file.data, maintype=main, subtype=sub, filename=file.name)
    return made


def _refused(code: int) -> CrmError:
    if code < 500:
        return Unavailable(f"The mail server said {code}.", code="mail_unavailable")
    return WrongState(f"The mail server said {code}.", code="letter_refused")
