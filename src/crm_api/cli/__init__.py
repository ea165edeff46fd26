"""The command line: `crm-api dev | serve | worker | migrate | seed | import | schema | org`."""

from crm_api.cli.app import main

__all__ = ["main"]
