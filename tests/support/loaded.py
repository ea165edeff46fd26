"""What a process of the service has loaded before it serves: others are forked from here."""

import gc

import uvicorn
import uvloop

from crm_api import main, serving, worker
from crm_api.registry import shown

shown()
gc.collect()
gc.freeze()

__all__ = ["main", "serving", "uvicorn", "uvloop", "worker"]
