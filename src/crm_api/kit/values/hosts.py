"""Internet domains that tell nothing of who is behind them, for many share them."""

# Whoever writes from there may be anybody.
FREE_MAIL = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com"),
        *("outlook.de", "hotmail.de", "hotmail.fr", "hotmail.co.uk", "live.de", "yahoo.com"),
        *("yahoo.de", "yahoo.fr", "yahoo.es", "yahoo.co.uk", "ymail.com", "icloud.com", "me.com"),
        *("mac.com", "aol.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "web.de"),
        *("t-online.de", "freenet.de", "orange.fr", "wanadoo.fr", "free.fr", "laposte.net"),
        *("libero.it", "proton.me", "protonmail.com", "pm.me", "fastmail.com", "zoho.com"),
        *("mail.com", "mail.ru", "yandex.ru", "yandex.com", "ya.ru", "bk.ru", "inbox.ru"),
        *("list.ru", "rambler.ru", "qq.com", "163.com", "126.com"),
    )
)
# What stands there is one page of many, below them as well: `de.linkedin.com`.
_NETWORKS = frozenset(
    (
        *("facebook.com", "fb.com", "linkedin.com", "instagram.com", "twitter.com", "x.com"),
        *("youtube.com", "tiktok.com", "pinterest.com", "xing.com", "vk.com", "ok.ru", "t.me"),
        *("telegram.me", "wa.me", "linktr.ee", "sites.google.com", "business.site", "g.page"),
    )
)


def is_shared(domain: str) -> bool:
    """Whether a domain, in lower-case ASCII, is that of many: free mail or a social network."""
    labels = domain.split(".")
    return domain in FREE_MAIL or any(
        ".".join(labels[place:]) in _NETWORKS for place in range(len(labels) - 1)
    )
