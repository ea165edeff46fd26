"""What a process keeps for people who log in."""

from crm_api.kit.db.database import Database
from crm_api.kit.outbound.client import Outbound
from crm_api.platform.accounts.access import AccessTokens
from crm_api.platform.accounts.address import Addresses
from crm_api.platform.accounts.login import Logins
from crm_api.platform.accounts.oauth import OAuth
from crm_api.platform.accounts.openid import OpenId
from crm_api.platform.accounts.outside import Outside
from crm_api.platform.accounts.sessions import Sessions
from crm_api.platform.accounts.signing import Signer


class Accounts:
    """The signer, the sessions and the ways in."""

    def __init__(self, database: Database, issuer: str, outbound: Outbound) -> None:
        self.signer = Signer(database, issuer)
        self.sessions = Sessions(database, self.signer)
        self.tokens = AccessTokens(database, self.signer)
        self.oauth = OAuth(database, self.sessions, self.tokens)
        self.logins = Logins(database, self.sessions)
        self.addresses = Addresses(database, self.logins)
        self.outside = Outside(database, self.sessions, OpenId(outbound))
