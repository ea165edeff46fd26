"""Packs: presets that set up an organization for what it does, and can be taken back.

Invariants: a pack creates and switches, and never changes what is there; what it did is written
down, and rolling back puts exactly that back; applied again it changes nothing.
"""
