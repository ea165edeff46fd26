"""A headless CRM: REST, GraphQL and webhooks over one picture of the client."""

import atexit
import gc

# What a process is made of, some hundred thousand objects, lives as long as it does. To look at
# them again and again while they are made takes a fifth of the time that a start takes.
gc.set_threshold(50_000, 50, 100)

# Nor is it taken apart object by object when the process ends, which took as long as the start.
atexit.register(gc.freeze)
