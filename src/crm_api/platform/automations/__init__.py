"""Rules of an organization's own: what begins a run, and what each run does, step by step."""
