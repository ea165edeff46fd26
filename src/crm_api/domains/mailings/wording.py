"""Links in mails: signed, so that each leads where the mail said and nowhere else."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import quote
from uuid import UUID

from crm_api.kit.letters import UNSUBSCRIBE
from crm_api.kit.templates import language_of
from crm_api.kit.tokens import Opaque, derived_secret, parse, same

KIND = "mail"
_PURPOSES = {"unsubscribe": "mailing unsubscribe", "open": "mailing open", "click": "mailing click"}
_HREF = re.compile(r"(<a\b[^>]*?\bhref\s*=\s*)([\"'])(https?://[^\"'<>\s]+)\2", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(frozen=True)
class Signer:
    """Makes and reads the tokens of one kind of address in mails."""

    key: bytes
    purpose: str

    def token(self, organization_id: UUID, send_id: UUID, about: str = "") -> str:
        """What names a mail, and what of it; it follows from the key, so that nothing is stored."""
        return str(Opaque(KIND, (organization_id, send_id), self._secret(send_id, about)))

    def read(self, token: str, about: str = "") -> tuple[UUID, UUID] | None:
        """The organization and the mail of a token; None where it was made up."""
        found = parse(token, KIND, 2)
        if found is None:
            return None
        organization_id, send_id = found.ids
        is_ours = same(found.secret, self._secret(send_id, about))
        return (organization_id, send_id) if is_ours else None

    def _secret(self, send_id: UUID, about: str) -> str:
        return derived_secret(self.key, _PURPOSES[self.purpose], f"{send_id} {about}")


@dataclass(frozen=True)
class Links:
    """The addresses that one mail has of its own."""

    key: bytes
    public_url: str
    organization_id: UUID
    send_id: UUID

    @property
    def unsubscribe(self) -> str:
        """Where one unsubscribes, by a look or by one click (RFC 8058)."""
        return self._at("unsubscribe", "public/mailings/unsubscribe")

    @property
    def pixel(self) -> str:
        """The picture by which it is known that the mail was opened."""
        return self._at("open", "public/mailings/opens")

    def followed(self, url: str) -> str:
        """The address that leads to a link of the mail, and tells that it was followed."""
        return f"{self._at('click', 'public/mailings/clicks', url)}?to={quote(url, safe='')}"

    def _at(self, purpose: str, path: str, about: str = "") -> str:
        token = Signer(self.key, purpose).token(self.organization_id, self.send_id, about)
        return f"{self.public_url.rstrip('/')}/{path}/{token}"


@dataclass(frozen=True)
class Texts:
    """What a mail says."""

    subject: str
    text: str
    html: str | None = None


def with_footer(texts: Texts, language: str | None, unsubscribe: str) -> Texts:
    """The same, with the link to unsubscribe where it does not have it."""
    said = UNSUBSCRIBE[language_of(language)]
    text, html = texts.text, texts.html
    if unsubscribe not in text:
        text = f"{text.rstrip()}\n\n--\n{said}: {unsubscribe}"
    if html is not None and unsubscribe not in unescape(html):
        html = _before_end(html, f'<p><a href="{escape(unsubscribe)}">{said}</a></p>')
    return Texts(texts.subject, f"{text}\n", html)


def tracked(texts: Texts, links: Links, *, opens: bool, clicks: bool) -> Texts:
    """The same, so that it is told when it is opened and its links are followed."""
    html = texts.html
    if html is None:
        return texts
    if clicks:
        html = _HREF.sub(_following(links), html)
    if opens:
        pixel = f'<img src="{escape(links.pixel)}" width="1" height="1" alt="">'
        html = _before_end(html, pixel)
    return Texts(texts.subject, texts.text, html)


def _following(links: Links) -> Callable[[re.Match[str]], str]:
    own = links.unsubscribe

    def follow(found: re.Match[str]) -> str:
        url = unescape(found[3])
        if url == own:
            return found[0]
        return f"{found[1]}{found[2]}{escape(links.followed(url))}{found[2]}"

    return follow


def _before_end(html: str, what: str) -> str:
    found = _BODY_END.search(html)
    return (
        f"{html}{what}"
        if found is None
        else f"{html[: found.start()]}{what}{html[found.start() :]}"
    )
